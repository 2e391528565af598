/** What an abort stops. */
export interface Abortable { abort: (reason: unknown) => void }

interface Group { readonly members: Set<Abortable>, readonly listener: () => void, lasting: boolean }

/**
 * Thousands of rows share one signal, and an EventTarget walks all its listeners to add or remove one. So one listener
 * stands for all members of a signal; it is taken off when the last leaves, as a listener keeps some signals alive for ever.
 */
const groups = new WeakMap<AbortSignal, Group>()

/** Calls `member.abort(reason)` once if the signal is aborted before the member leaves. The caller has checked `signal.aborted`. */
export function joinSignal (signal: AbortSignal, member: Abortable): void {
  const group = groups.get(signal) ?? createGroup(signal)
  group.members.add(member)
}

/** For a signal that many calls in a row join, and that ends with its owner, as a connection's does: it is listened to from now on. */
export function keepListening (signal: AbortSignal): void {
  const group = groups.get(signal) ?? createGroup(signal)
  group.lasting = true
}

export function leaveSignal (signal: AbortSignal, member: Abortable): void {
  const group = groups.get(signal)
  if (group?.members.delete(member) && group.members.size === 0 && !group.lasting) {
    groups.delete(signal)
    signal.removeEventListener('abort', group.listener)
  }
}

function createGroup (signal: AbortSignal): Group {
  const members = new Set<Abortable>()
  const listener = () => {
    for (const member of members) member.abort(signal.reason)
    groups.delete(signal)
  }
  const group: Group = { members, listener, lasting: false }
  groups.set(signal, group)
  signal.addEventListener('abort', listener, { once: true })
  return group
}
