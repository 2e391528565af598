/** A member of one list at a time. `list` says which, so that membership needs no search. */
export interface Linked<Item> {
  previous: Item | null
  next: Item | null
  list: LinkedList<Item> | null
}

/** A queue from whose middle anything can be taken in constant time: thousands wait, and any may be aborted. */
export interface LinkedList<Item> {
  first: Item | null
  last: Item | null
}

export function emptyList<Item> (): LinkedList<Item> { return { first: null, last: null } }

export function append<Item extends Linked<Item>> (list: LinkedList<Item>, item: Item): void {
  item.list = list
  item.previous = list.last
  item.next = null
  if (list.last === null) list.first = item
  else list.last.next = item
  list.last = item
}

/** Taking out what is in no list is not an error. */
export function remove<Item extends Linked<Item>> (item: Item): void {
  const { list, previous, next } = item
  if (list === null) return
  if (previous === null) list.first = next
  else previous.next = next
  if (next === null) list.last = previous
  else next.previous = previous
  item.list = item.previous = item.next = null
}
