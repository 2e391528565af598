/**
 * First key of the advisory lock that a live worker process holds (the second is worker.lock_id).
 * In pg_locks: locktype 'advisory', classid = this, objid = lock_id, objsubid = 2.
 */
export const WORKER_LOCK_CLASS = 0x517a
