-- Below zero: the process settled more than it held, and the books had it before its lease was raised. Counts as zero for the others.
ALTER TABLE budget_lease DROP CONSTRAINT budget_lease_outstanding_check;

/*
 * Puts costs into the books of every budget they fall under, in the caller's transaction; tells of thresholds crossed for
 * the first time. `process` is the one that reserved them. A function, because the usage of a batch row and its charge are
 * one statement, and because each statement in here sees what was committed while the one before waited for its locks.
 * Locks in an order that all share: budgets (against deletion), periods, leases; events last, when all those are held.
 */
CREATE FUNCTION charge_budgets (process text, organizations text[], projects text[], keys text[], moments timestamptz[], costs numeric[])
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ids text[];
  starts timestamptz[];
  sums numeric[];
  crossed record;
BEGIN
  IF NOT EXISTS (SELECT FROM budget WHERE organization_id = ANY (organizations)) THEN
    RETURN 0;
  END IF;
  WITH charge AS (
    SELECT * FROM unnest(organizations, projects, keys, moments, costs) AS charge (organization_id, project_id, key_id, moment, cost) WHERE cost > 0
  ), matching AS (
    SELECT id, organization_id, subject_kind, subject_id, period FROM budget
    WHERE organization_id = ANY (organizations)
      AND (subject_kind = 'organization'
        OR subject_kind = 'project' AND subject_id = ANY (projects)
        OR subject_kind = 'key' AND subject_id = ANY (keys))
    ORDER BY id FOR KEY SHARE
  ), target AS (
    SELECT matching.id, budget_period_start(matching.period, charge.moment) AS period_start, sum(charge.cost) AS cost
    FROM matching JOIN charge ON charge.organization_id = matching.organization_id
      AND matching.subject_id = CASE matching.subject_kind
        WHEN 'organization' THEN charge.organization_id WHEN 'project' THEN charge.project_id ELSE charge.key_id END
    GROUP BY 1, 2
  )
  SELECT array_agg(id ORDER BY id, period_start), array_agg(period_start ORDER BY id, period_start), array_agg(cost ORDER BY id, period_start)
  INTO ids, starts, sums FROM target;
  IF ids IS NULL THEN
    RETURN 0;
  END IF;

  INSERT INTO budget_period AS books (budget_id, period_start, spent)
  SELECT * FROM unnest(ids, starts, sums)
  ON CONFLICT (budget_id, period_start) DO UPDATE SET spent = books.spent + excluded.spent;

  UPDATE budget_lease SET outstanding = budget_lease.outstanding - charged.cost
  FROM unnest(ids, starts, sums) AS charged (id, period_start, cost)
  WHERE budget_lease.budget_id = charged.id AND budget_lease.period_start = charged.period_start AND budget_lease.process_id = process;

  FOR crossed IN
    SELECT budget.id, budget.organization_id, budget.amount, books.period_start, books.spent, threshold,
      CASE budget.subject_kind WHEN 'project' THEN budget.subject_id
        WHEN 'key' THEN coalesce((SELECT project_id FROM api_key WHERE api_key.id = budget.subject_id), '') ELSE '' END AS project_id
    FROM unnest(ids, starts) AS charged (id, period_start)
    JOIN budget_period books ON books.budget_id = charged.id AND books.period_start = charged.period_start
    JOIN budget ON budget.id = charged.id
    CROSS JOIN LATERAL (SELECT DISTINCT threshold FROM unnest(budget.thresholds) AS threshold) AS wanted
    WHERE books.spent * 100 >= budget.amount * threshold AND threshold <> ALL (books.alerted)
    ORDER BY budget.id, books.period_start, threshold
  LOOP
    -- two periods of one budget may be charged at once, by writers that share no other lock
    PERFORM pg_advisory_xact_lock(20861, hashtext(crossed.id));
    UPDATE budget_period SET alerted = alerted || crossed.threshold WHERE budget_id = crossed.id AND period_start = crossed.period_start;
    -- the id: UUIDv7, as everywhere
    INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
    SELECT 'evt_' || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14),
      crossed.organization_id, crossed.project_id, crossed.id,
      coalesce((SELECT max(seq) FROM event WHERE resource_id = crossed.id), 0) + 1,
      'budget.threshold_reached',
      jsonb_build_object('budget', crossed.id, 'threshold', crossed.threshold, 'spent', crossed.spent::text, 'amount', crossed.amount::text,
        'period_start', to_char(crossed.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
  END LOOP;
  RETURN cardinality(ids);
END $$;

/*
 * Hands out what is left of the limits of a minute. `give` first goes back; below zero it is what was used beyond what had
 * been handed out. Then all of `need` is given, or, when less is left than that, the rest, provided that it is at least `useful`,
 * the smallest thing waiting. Of what is left behind the need no more than an eighth, and no more than `want`: slices shrink
 * towards the end. Counters are locked in the order of their subjects.
 */
CREATE FUNCTION take_rates (subjects text[], minutes bigint[], maxima bigint[], gives bigint[], needs bigint[], usefuls bigint[], wants bigint[])
RETURNS TABLE (place integer, given bigint, remaining bigint) LANGUAGE plpgsql AS $$
DECLARE
  asked record;
  taken bigint;
BEGIN
  FOR asked IN
    SELECT * FROM unnest(subjects, minutes, maxima, gives, needs, usefuls, wants) WITH ORDINALITY
      AS asked (subject, minute, maximum, give, need, useful, want, place) ORDER BY subject, minute
  LOOP
    INSERT INTO rate_window AS counter (subject, minute, granted) VALUES (asked.subject, asked.minute, greatest(0, -asked.give))
    ON CONFLICT (subject, minute) DO UPDATE SET granted = greatest(0, counter.granted - asked.give)
    RETURNING granted INTO taken;
    place := asked.place;
    remaining := asked.maximum - taken;
    given := CASE
      WHEN remaining <= 0 OR remaining < asked.useful THEN 0
      WHEN asked.need >= remaining THEN remaining
      ELSE asked.need + least(asked.want, (remaining - asked.need) / 8) END;
    IF given > 0 THEN
      UPDATE rate_window SET granted = granted + given WHERE subject = asked.subject AND minute = asked.minute;
      remaining := remaining - given;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

-- Whether a process is certainly dead: its lock is free, and it has been silent for so long that it is not just renewing its session.
CREATE FUNCTION process_is_dead (process text, lock_class integer, silence interval) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (
    SELECT FROM worker WHERE worker.id = process AND (worker.seen_at > clock_timestamp() - silence OR EXISTS (
      SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = lock_class::oid AND objid = worker.lock_id::oid AND objsubid = 2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))))
    -- a restart of Postgres frees the locks of the living
    AND (SELECT min(backend_start) FROM pg_stat_activity WHERE backend_type = 'client backend') < clock_timestamp() - interval '5 seconds'
$$;

/*
 * Slots for requests in flight, per subject over all processes, in provider_lease. A process keeps `keep` whatever happens
 * (it is in use), and gets `need` and some of `want` more as far as the others leave it free. The slots of a process are free
 * again once its death is certain: its advisory lock of class `lock_class` is free, it has shown no sign of life for 5 s, and
 * Postgres itself was not restarted just now, which frees the locks of the living. Locks in the order of their keys.
 */
CREATE FUNCTION take_slots (process text, lock_class integer, subjects text[], maxima integer[], keeps integer[], needs integer[], wants integer[])
RETURNS TABLE (place integer, held integer, remaining integer) LANGUAGE plpgsql AS $$
DECLARE
  asked record;
  room integer;
BEGIN
  FOR asked IN
    SELECT * FROM unnest(subjects, maxima, keeps, needs, wants) WITH ORDINALITY AS asked (subject, maximum, keep, need, want, place)
    ORDER BY hashtext(subject), subject
  LOOP
    PERFORM pg_advisory_xact_lock(lock_class + 2, hashtext(asked.subject));
    SELECT asked.maximum - coalesce(sum(slots), 0) INTO room FROM provider_lease WHERE provider = asked.subject AND worker_id <> process;
    IF room < asked.keep + asked.need THEN
      DELETE FROM provider_lease lease WHERE lease.provider = asked.subject AND lease.worker_id <> process
        AND process_is_dead(lease.worker_id, lock_class, interval '5 seconds');
      SELECT asked.maximum - coalesce(sum(slots), 0) INTO room FROM provider_lease WHERE provider = asked.subject AND worker_id <> process;
    END IF;
    place := asked.place;
    held := greatest(asked.keep, least(room, asked.keep + asked.need + least(asked.want, greatest(0, room - asked.keep - asked.need) / 8)));
    remaining := greatest(0, room - held);
    IF held = 0 THEN
      DELETE FROM provider_lease WHERE provider = asked.subject AND worker_id = process;
    ELSE
      INSERT INTO provider_lease (provider, worker_id, slots, wanted) VALUES (asked.subject, process, held, held)
      ON CONFLICT (provider, worker_id) DO UPDATE SET slots = excluded.slots, wanted = excluded.wanted, updated_at = clock_timestamp();
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;
