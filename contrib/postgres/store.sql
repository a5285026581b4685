-- A shared store for the people on one system, and who may use it. PostgreSQL 12 and newer.
--
--   psql -X -v ON_ERROR_STOP=1 -d DATABASE -f store.sql        as a superuser; safe to repeat
--
-- Best a database of its own: nothing in it should need the system that it is about. Then, for each person, a login of
-- their own, for by it the store knows who wrote a record and who approved an act:
--
--   CREATE ROLE ada LOGIN CONNECTION LIMIT 10; \password ada
--   GRANT opsroom_people TO ada;
--
-- and let them in from where they sit: pg_hba.conf, hostssl ... scram-sha-256. In the profile:
--
--   store = "env:OPSROOM_STORE"        postgresql://ada@db.example/opsroom?sslmode=verify-full, the password in ~/.pgpass
--
-- Give the server's own address, no pooler's: locks and news are a session's. Each session takes two connections.
-- Members of opsroom_people add records and read all; they change and remove none, and can't write in another's name.
-- Nobody logs in as the owner, opsroom_store_owner: who can become it can do anything here.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'opsroom_people') THEN
        CREATE ROLE opsroom_people NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'opsroom_store_owner') THEN
        CREATE ROLE opsroom_store_owner NOLOGIN;
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO opsroom_store_owner', current_database());
END
$$;

SET ROLE opsroom_store_owner;

-- The shared store of Opsroom, form 1: what several people on one system keep together. PostgreSQL 12 and newer.
--
-- Records are only ever added: nobody but the owner of this schema can change or remove one, and who wrote a record is
-- filled in by the server from the login. Locks, presence and approvals go through functions, which know the login too.
-- Nothing here is forgotten by itself; the owner may let old records go: SELECT opsroom_store.forget(800) keeps 800 days.

BEGIN;

CREATE SCHEMA IF NOT EXISTS opsroom_store;
REVOKE ALL ON SCHEMA opsroom_store FROM PUBLIC;

CREATE TABLE IF NOT EXISTS opsroom_store.form (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    form int NOT NULL,
    id text NOT NULL
);
INSERT INTO opsroom_store.form (form, id)
    VALUES (1, pg_catalog.md5(pg_catalog.random()::text || pg_catalog.clock_timestamp()::text)) ON CONFLICT DO NOTHING;

-- records

CREATE TABLE IF NOT EXISTS opsroom_store.record (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system text NOT NULL CHECK (pg_catalog.length(system) BETWEEN 1 AND 200),
    stream text NOT NULL CHECK (pg_catalog.length(stream) BETWEEN 1 AND 40),
    id text NOT NULL CHECK (pg_catalog.length(id) BETWEEN 1 AND 200),
    at bigint NOT NULL CHECK (at BETWEEN 0 AND 253402300799999),
    about text NOT NULL CHECK (pg_catalog.length(about) <= 400),
    body text NOT NULL CHECK (pg_catalog.octet_length(body) <= 4194304),
    by text NOT NULL DEFAULT session_user,
    kept timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    UNIQUE (system, stream, id)
);
COMMENT ON COLUMN opsroom_store.record.at IS 'when it happened by the clock of who wrote it, milliseconds since 1970';
CREATE INDEX IF NOT EXISTS record_order ON opsroom_store.record (system, stream, seq);

-- A number must never become visible after a greater one: a reader that has seen the greater would miss it. So who adds
-- waits for whoever adds, before the first number is drawn, until that transaction is over.
CREATE OR REPLACE FUNCTION opsroom_store.in_turn() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7238101642991435);
    RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS in_turn ON opsroom_store.record;
CREATE TRIGGER in_turn BEFORE INSERT ON opsroom_store.record
    FOR EACH STATEMENT EXECUTE FUNCTION opsroom_store.in_turn();

CREATE OR REPLACE FUNCTION opsroom_store.by_login() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.by := session_user;
    NEW.kept := clock_timestamp();
    RETURN NEW;
END
$$;
DROP TRIGGER IF EXISTS by_login ON opsroom_store.record;
CREATE TRIGGER by_login BEFORE INSERT ON opsroom_store.record
    FOR EACH ROW EXECUTE FUNCTION opsroom_store.by_login();

CREATE OR REPLACE FUNCTION opsroom_store.tell() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('opsroom_store', one.system) FROM (SELECT DISTINCT system FROM fresh) AS one;
    RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS tell ON opsroom_store.record;
CREATE TRIGGER tell AFTER INSERT ON opsroom_store.record
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION opsroom_store.tell();

-- The owner's: let records go that were kept so many days ago. The newest that each login brought to a stream stays: by it
-- sessions know that it is still the same store, and don't bring everything again.
CREATE OR REPLACE FUNCTION opsroom_store.forget(days int) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM opsroom_store.record AS one
        WHERE one.kept < clock_timestamp() - make_interval(days => days) AND days >= 31
            AND one.seq < (SELECT max(seq) FROM opsroom_store.record AS other
                           WHERE other.system = one.system AND other.stream = one.stream AND other.by = one.by)
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- locks: PostgreSQL's own, which die with the connection; the table only says who has one and why

CREATE TABLE IF NOT EXISTS opsroom_store.holder (
    key bigint PRIMARY KEY,
    system text NOT NULL,
    session text NOT NULL,
    pid int NOT NULL,
    by text NOT NULL,
    words text NOT NULL,
    since timestamptz NOT NULL
);

CREATE OR REPLACE FUNCTION opsroom_store.claim(lock_key bigint, of_system text, of_session text, says text)
RETURNS TABLE (mine boolean, holder_session text, holder_by text, holder_words text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_try_advisory_lock(lock_key) THEN
        INSERT INTO opsroom_store.holder (key, system, session, pid, by, words, since)
            VALUES (lock_key, left(of_system, 200), left(of_session, 100), pg_backend_pid(), session_user,
                    left(says, 300), clock_timestamp())
            ON CONFLICT (key) DO UPDATE SET (system, session, pid, by, words, since)
                = (EXCLUDED.system, EXCLUDED.session, EXCLUDED.pid, EXCLUDED.by, EXCLUDED.words, EXCLUDED.since);
        RETURN QUERY SELECT true, of_session, session_user::text, says;
    ELSE
        -- what is told of a holder is told of who really holds it, not of who did before
        RETURN QUERY SELECT false, one.session, one.by, one.words FROM opsroom_store.holder AS one
            WHERE one.key = lock_key AND EXISTS (
                SELECT FROM pg_locks AS lock
                WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1 AND lock.pid = one.pid
                    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    AND (lock.classid::bigint << 32 | lock.objid::bigint) = lock_key
            );
        IF NOT FOUND THEN
            RETURN QUERY SELECT false, ''::text, ''::text, ''::text;
        END IF;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION opsroom_store.release(lock_key bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM opsroom_store.holder WHERE key = lock_key AND pid = pg_backend_pid();
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    RETURN pg_advisory_unlock(lock_key);
END
$$;

-- presence: who looks at what; nobody who was not heard of for thirty seconds

CREATE UNLOGGED TABLE IF NOT EXISTS opsroom_store.presence (
    system text NOT NULL,
    session text NOT NULL,
    by text NOT NULL,
    body text NOT NULL CHECK (pg_catalog.octet_length(body) <= 4096),
    seen timestamptz NOT NULL,
    PRIMARY KEY (system, session)
);

CREATE OR REPLACE FUNCTION opsroom_store.here(of_system text, of_session text, says text)
RETURNS TABLE (session text, by text, body text, age float8)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before text;
BEGIN
    IF length(of_system) > 200 OR length(of_session) > 100 THEN
        RAISE string_data_right_truncation USING MESSAGE = 'the name of the system or the session is too long';
    END IF;
    SELECT one.body INTO before FROM opsroom_store.presence AS one
        WHERE one.system = of_system AND one.session = of_session;
    INSERT INTO opsroom_store.presence (system, session, by, body, seen)
        VALUES (of_system, of_session, session_user, says, clock_timestamp())
        ON CONFLICT (system, session) DO UPDATE SET (body, seen) = (EXCLUDED.body, EXCLUDED.seen)
            WHERE presence.by = session_user;
    IF before IS DISTINCT FROM says THEN
        PERFORM pg_notify('opsroom_store', of_system);
    END IF;
    RETURN QUERY SELECT one.session, one.by, one.body, extract(epoch FROM clock_timestamp() - one.seen)::float8
        FROM (
            SELECT presence.*, row_number() OVER (PARTITION BY presence.by ORDER BY presence.session) AS place
            FROM opsroom_store.presence
            WHERE presence.system = of_system AND presence.seen > clock_timestamp() - interval '30 seconds'
        ) AS one
        WHERE one.place <= 20 ORDER BY one.session LIMIT 200;
END
$$;

CREATE OR REPLACE FUNCTION opsroom_store.gone(of_system text, of_session text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM opsroom_store.presence
        WHERE (system = of_system AND session = of_session AND by = session_user)
            OR seen < clock_timestamp() - interval '1 day';
    PERFORM pg_notify('opsroom_store', of_system);
END
$$;

-- approvals: asked by one login, answered by another, used once, by the clock of this server

CREATE TABLE IF NOT EXISTS opsroom_store.request (
    system text NOT NULL,
    id text NOT NULL CHECK (pg_catalog.length(id) BETWEEN 1 AND 200),
    digest text NOT NULL CHECK (pg_catalog.length(digest) BETWEEN 1 AND 200),
    body text NOT NULL CHECK (pg_catalog.octet_length(body) <= 262144),
    approvers text[] NOT NULL,
    by text NOT NULL,
    asked timestamptz NOT NULL,
    until timestamptz NOT NULL,
    yes boolean,
    answered_by text,
    answered timestamptz,
    words text NOT NULL DEFAULT '',
    used timestamptz,
    withdrawn timestamptz,
    PRIMARY KEY (system, id)
);

CREATE OR REPLACE FUNCTION opsroom_store.ask(
    of_system text, of_id text, of_digest text, says text, lets text[], seconds float8
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- everybody on the system looks at every request: few of one login at a time, and none too long to be read
    IF length(of_system) > 200 OR octet_length(says) > 65536 OR cardinality(lets) > 200 OR octet_length(lets::text) > 32768
        OR (SELECT count(*) FROM opsroom_store.request AS one
            WHERE one.system = of_system AND one.by = session_user AND one.id <> of_id AND one.yes IS NULL
                AND one.withdrawn IS NULL AND one.until > clock_timestamp()) >= 20
    THEN
        RETURN false;
    END IF;
    INSERT INTO opsroom_store.request (system, id, digest, body, approvers, by, asked, until)
        VALUES (of_system, of_id, of_digest, says, lets, session_user, clock_timestamp(),
                clock_timestamp() + make_interval(secs => least(greatest(seconds, 1), 86400)))
        ON CONFLICT DO NOTHING;
    PERFORM pg_notify('opsroom_store', of_system);
    RETURN EXISTS (SELECT FROM opsroom_store.request AS one
        WHERE one.system = of_system AND one.id = of_id AND one.digest = of_digest AND one.by = session_user);
END
$$;

-- Whom a request lets answer: logins by name, members of @role; an empty list lets everybody.
CREATE OR REPLACE FUNCTION opsroom_store.lets(approvers text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT cardinality(approvers) = 0 OR session_user = ANY (approvers) OR EXISTS (
        SELECT FROM pg_roles AS role, unnest(approvers) AS one
        WHERE one = '@' || role.rolname AND pg_has_role(session_user, role.oid, 'member')
    )
$$;

-- The first answer counts. Who asked can't answer, nor anybody after the time is up.
CREATE OR REPLACE FUNCTION opsroom_store.answer(
    of_system text, of_id text, of_digest text, approves boolean, says text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE opsroom_store.request AS one
        SET yes = approves, answered_by = session_user, answered = clock_timestamp(), words = left(says, 400)
        WHERE one.system = of_system AND one.id = of_id AND one.digest = of_digest AND one.by <> session_user
            AND one.yes IS NULL AND one.withdrawn IS NULL AND one.until > clock_timestamp()
            AND opsroom_store.lets(one.approvers);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM pg_notify('opsroom_store', of_system);
    RETURN true;
END
$$;

-- True once: for who asked, while it is approved and not over.
CREATE OR REPLACE FUNCTION opsroom_store.use_once(of_system text, of_id text, of_digest text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE opsroom_store.request AS one SET used = clock_timestamp()
        WHERE one.system = of_system AND one.id = of_id AND one.digest = of_digest AND one.by = session_user
            AND one.yes AND one.answered_by <> one.by AND one.used IS NULL AND one.withdrawn IS NULL
            AND one.until > clock_timestamp();
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM pg_notify('opsroom_store', of_system);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION opsroom_store.withdraw(of_system text, of_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE opsroom_store.request AS one SET withdrawn = clock_timestamp()
        WHERE one.system = of_system AND one.id = of_id AND one.by = session_user
            AND one.used IS NULL AND one.withdrawn IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM pg_notify('opsroom_store', of_system);
    RETURN true;
END
$$;

-- rights: for the members of opsroom_people, where there is such a role

REVOKE ALL ON ALL TABLES IN SCHEMA opsroom_store FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA opsroom_store FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'opsroom_people') THEN
        GRANT USAGE ON SCHEMA opsroom_store TO opsroom_people;
        GRANT SELECT ON ALL TABLES IN SCHEMA opsroom_store TO opsroom_people;
        GRANT INSERT (system, stream, id, at, about, body) ON opsroom_store.record TO opsroom_people;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA opsroom_store TO opsroom_people;
        REVOKE EXECUTE ON FUNCTION opsroom_store.forget(int) FROM opsroom_people;
    END IF;
END
$$;

COMMIT;

RESET ROLE;
