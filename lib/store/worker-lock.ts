/**
 * First key of the advisory lock that a live worker process holds (the second is worker.lock_id).
 * In pg_locks: locktype 'advisory', classid = this, objid = lock_id, objsubid = 2.
 */
export const WORKER_LOCK_CLASS = 0x517a

/**
 * SQL: when the oldest session began. After a restart of Postgres all locks are free although the workers live, so nobody
 * counts as dead before some session is a few seconds old, which gives them the time to lock again. (Not since the start of
 * Postgres: it may have been recovering, deaf to everybody, for all of that time.)
 */
export const oldestSessionStart = "(SELECT min(backend_start) FROM pg_stat_activity WHERE backend_type = 'client backend')"
