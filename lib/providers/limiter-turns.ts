import { append, emptyList, remove } from './linked-list.ts'
import type { Linked, LinkedList } from './linked-list.ts'

/** Who waits at one provider. Turns go round organizations, then round the batches of one, first come first served inside a batch. */
export interface Turns<Waiter> {
  readonly organizations: Map<string, OrganizationTurn<Waiter>>
  /** Organizations with a batch in turn; the first is next. */
  readonly ring: LinkedList<OrganizationTurn<Waiter>>
  waiting: number
  /** Those of `waiting` that only wait for a slot or the rate, not for their own batch's concurrency. */
  eligible: number
}

interface OrganizationTurn<Waiter> extends Linked<OrganizationTurn<Waiter>> {
  readonly id: string
  readonly ring: LinkedList<BatchTurn<Waiter>>
  /** Batches with someone waiting, in turn or held. */
  batches: number
}

/** One batch's queue at one provider. */
export interface BatchTurn<Waiter> extends Linked<BatchTurn<Waiter>> {
  readonly organizationId: string
  organization: OrganizationTurn<Waiter> | null
  readonly queue: LinkedList<Waiter>
  length: number
  /** Out of turn, because the batch has as many calls in flight as it may. */
  held: boolean
}

interface Waiting<Waiter> extends Linked<Waiter> { readonly batch: BatchTurn<Waiter> }

export function createTurns<Waiter> (): Turns<Waiter> {
  return { organizations: new Map(), ring: emptyList(), waiting: 0, eligible: 0 }
}

export function createBatchTurn<Waiter> (organizationId: string): BatchTurn<Waiter> {
  return { organizationId, organization: null, queue: emptyList(), length: 0, held: false, previous: null, next: null, list: null }
}

export function enqueue<Waiter extends Waiting<Waiter>> (turns: Turns<Waiter>, waiter: Waiter): void {
  const { batch } = waiter
  append(batch.queue, waiter)
  batch.length += 1
  turns.waiting += 1
  if (!batch.held) turns.eligible += 1
  if (batch.length > 1) return
  let organization = turns.organizations.get(batch.organizationId)
  if (organization === undefined) {
    organization = { id: batch.organizationId, ring: emptyList(), batches: 0, previous: null, next: null, list: null }
    turns.organizations.set(organization.id, organization)
  }
  batch.organization = organization
  organization.batches += 1
  if (!batch.held) putInTurn(turns, batch, organization)
}

/** Who is next; null when nobody may go. */
export function peek<Waiter extends Waiting<Waiter>> (turns: Turns<Waiter>): Waiter | null {
  return turns.ring.first?.ring.first?.queue.first ?? null
}

/** Takes whom peek names, and moves its batch and organization to the end of their rings. */
export function take<Waiter extends Waiting<Waiter>> (turns: Turns<Waiter>, waiter: Waiter): void {
  const { batch } = waiter
  const organization = batch.organization!
  dequeue(turns, waiter)
  if (batch.list !== null) {
    remove(batch)
    append(organization.ring, batch)
  }
  if (organization.list !== null) {
    remove(organization)
    append(turns.ring, organization)
  }
}

/** Removes one who waits, wherever it stands. */
export function dequeue<Waiter extends Waiting<Waiter>> (turns: Turns<Waiter>, waiter: Waiter): void {
  const { batch } = waiter
  remove(waiter)
  batch.length -= 1
  turns.waiting -= 1
  if (!batch.held) turns.eligible -= 1
  if (batch.length > 0) return
  const organization = batch.organization!
  takeOutOfTurn(batch, organization)
  batch.organization = null
  organization.batches -= 1
  if (organization.batches === 0) turns.organizations.delete(organization.id)
}

/** Takes a batch out of turn, or puts it back at the end. */
export function hold<Waiter> (turns: Turns<Waiter>, batch: BatchTurn<Waiter>, held: boolean): void {
  if (batch.held === held) return
  batch.held = held
  turns.eligible += held ? -batch.length : batch.length
  if (batch.organization === null) return
  if (held) takeOutOfTurn(batch, batch.organization)
  else putInTurn(turns, batch, batch.organization)
}

function putInTurn<Waiter> (turns: Turns<Waiter>, batch: BatchTurn<Waiter>, organization: OrganizationTurn<Waiter>): void {
  append(organization.ring, batch)
  if (organization.list === null) append(turns.ring, organization)
}

function takeOutOfTurn<Waiter> (batch: BatchTurn<Waiter>, organization: OrganizationTurn<Waiter>): void {
  remove(batch)
  if (organization.ring.first === null) remove(organization)
}
