export const segmentSize = 16_384

/** A run of log entries, column by column: about 70 bytes an entry besides its client request id. */
export interface Segment {
  readonly started: Float64Array
  readonly finished: Float64Array
  readonly digest: Float64Array
  readonly status: Uint16Array
  readonly method: Uint16Array
  readonly path: Uint16Array
  readonly model: Uint16Array
  readonly authorization: Uint16Array
  readonly outcome: Uint8Array
  readonly flags: Uint8Array
  readonly inFlight: Uint32Array
  readonly promptTokens: Uint32Array
  readonly completionTokens: Uint32Array
  readonly cachedTokens: Uint32Array
  readonly reasoningTokens: Uint32Array
  readonly clientRequestIds: (string | null)[]
}

export function createSegment (): Segment {
  return {
    started: new Float64Array(segmentSize),
    finished: new Float64Array(segmentSize),
    digest: new Float64Array(segmentSize),
    status: new Uint16Array(segmentSize),
    method: new Uint16Array(segmentSize),
    path: new Uint16Array(segmentSize),
    model: new Uint16Array(segmentSize),
    authorization: new Uint16Array(segmentSize),
    outcome: new Uint8Array(segmentSize),
    flags: new Uint8Array(segmentSize),
    inFlight: new Uint32Array(segmentSize),
    promptTokens: new Uint32Array(segmentSize),
    completionTokens: new Uint32Array(segmentSize),
    cachedTokens: new Uint32Array(segmentSize),
    reasoningTokens: new Uint32Array(segmentSize),
    clientRequestIds: []
  }
}
