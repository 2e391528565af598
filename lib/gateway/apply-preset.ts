type Parameters = Readonly<Record<string, unknown>>

/**
 * A request with saved parameters under its own: what the request names, it keeps, null included. Saved messages come before the
 * request's. Neither argument is changed.
 */
export function applyPreset (parameters: Parameters, body: Parameters): Parameters {
  const merged = { ...parameters, ...body }
  // messages of any other type are left for the validation of the request to refuse
  return Array.isArray(parameters.messages) && Array.isArray(body.messages)
    ? { ...merged, messages: [...parameters.messages as unknown[], ...body.messages as unknown[]] }
    : merged
}
