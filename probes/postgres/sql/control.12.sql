-- The identity of the whole database cluster; a copy or a restored one may share it, another server never does.
SELECT /* opsroom */ json_build_object('system_identifier', system_identifier::text)
FROM pg_catalog.pg_control_system()
