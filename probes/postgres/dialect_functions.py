"""The functions of PostgreSQL, and some of its relatives, as far as a query may call them and still change nothing.

https://www.postgresql.org/docs/current/functions.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from probes.base import Danger, Verb
from probes.base.command import named


@dataclass(frozen=True, slots=True)
class Function:
    """What calling a function does."""

    danger: Danger
    verb: Verb = Verb.OTHER
    action: bool = False
    """True when it is done natively here."""


_STOPS = Function(Danger.DISRUPTIVE, Verb.TERMINATE, action=True)
_CARE = Function(Danger.DISRUPTIVE, Verb.MAINTENANCE)
_FELT = Function(Danger.DISRUPTIVE)
_GONE = Function(Danger.DESTRUCTIVE)
KNOWN: Final = {
    "pg_terminate_backend": _STOPS,
    "pg_cancel_backend": _STOPS,
    "pg_reload_conf": Function(Danger.DISRUPTIVE, Verb.MAINTENANCE, action=True),
    "pg_stat_statements_reset": Function(Danger.DESTRUCTIVE, Verb.MAINTENANCE, action=True),
    "pg_rotate_logfile": _CARE,
    "pg_switch_wal": _CARE,
    "pg_switch_xlog": _CARE,
    "pg_promote": _FELT,
    "pg_wal_replay_pause": _FELT,
    "pg_wal_replay_resume": _FELT,
    "pg_create_restore_point": Function(Danger.REVERSIBLE, Verb.BACKUP),
    "pg_backup_start": Function(Danger.DISRUPTIVE, Verb.BACKUP),
    "pg_start_backup": Function(Danger.DISRUPTIVE, Verb.BACKUP),
    "pg_backup_stop": Function(Danger.DISRUPTIVE, Verb.BACKUP),
    "pg_stop_backup": Function(Danger.DISRUPTIVE, Verb.BACKUP),
    "pg_create_physical_replication_slot": _FELT,
    "pg_create_logical_replication_slot": _FELT,
    "pg_drop_replication_slot": _GONE,
    "pg_replication_slot_advance": _GONE,
    "pg_logical_slot_get_changes": _GONE,
    "pg_logical_slot_get_binary_changes": _GONE,
    "pg_logical_emit_message": _FELT,
    "pg_file_write": _GONE,
    "pg_import_system_collations": _FELT,
    "pg_advisory_lock": _FELT,
    "pg_try_advisory_lock": _FELT,
    "pg_advisory_unlock": _FELT,
    "pg_advisory_unlock_all": _FELT,
    "pg_notify": _FELT,
    "pg_log_backend_memory_contexts": Function(Danger.REVERSIBLE),
    "pg_prewarm": _CARE,
    "nextval": _FELT,
    "setval": _GONE,
    "lo_unlink": _GONE,
    "lo_import": _FELT,
    "lo_export": _FELT,
    "lo_put": _GONE,
    "lo_from_bytea": _FELT,
    "dblink": _GONE,
    "dblink_exec": _GONE,
    "query_to_xml": _GONE,
    "brin_summarize_new_values": _CARE,
    "gin_clean_pending_list": _CARE,
}
"""Functions with effects that are known."""

HARMLESS_PREFIX: Final = (
    "pg_get_", "pg_is_", "pg_last_", "pg_current_", "pg_stat_get_", "pg_ls_", "pg_conf_load_", "pg_postmaster_",
    "pg_encoding_", "pg_tablespace_", "pg_relation_", "pg_identify_", "pg_describe_", "pg_safe_snapshot_",
    "pg_isolation_", "pg_wal_lsn_", "pg_walfile_", "pg_xlog_location_", "pg_last_xlog_", "pg_buffercache_pages",
    "has_", "array_", "json_", "jsonb_", "regexp_", "string_", "to_", "age_", "st_as", "pgstat", "txid_current",
    "txid_snapshot_", "quote_", "date_", "make_", "inet_", "xml", "percentile_", "regr_", "covar_", "stddev_", "var_",
    "hash_", "current_", "octet_", "char_", "bit_", "bool_", "range_", "sha", "ts_", "width_",
)  # fmt: skip
"""How the names of those begin that only read."""

HARMLESS: Final = named(
    """
    count sum avg min max abs ceil ceiling floor round trunc mod power sqrt exp ln log sign random div greatest
    least coalesce nullif concat concat_ws format length lower upper initcap ltrim rtrim btrim trim substr substring
    position strpos replace translate reverse repeat left right lpad rpad split_part starts_with ascii chr md5
    encode decode overlay unnest generate_series generate_subscripts cardinality every some any all row array exists
    extract now age clock_timestamp statement_timestamp transaction_timestamp timeofday justify_days justify_hours
    justify_interval isfinite localtime localtimestamp row_number rank dense_rank lag lead first_value last_value
    nth_value ntile cume_dist mode rollup cube grouping sets version host family masklen netmask network abbrev
    broadcast set_masklen pg_backend_pid pg_blocking_pids pg_size_pretty pg_size_bytes pg_database_size
    pg_table_size pg_total_relation_size pg_indexes_size pg_column_size pg_column_compression pg_typeof pg_sleep
    pg_sleep_for pg_sleep_until pg_table_is_visible pg_has_role pg_lock_status pg_prepared_xact pg_show_all_settings
    pg_stat_statements pg_stat_statements_info pg_options_to_table pg_my_temp_schema pg_notification_queue_usage
    pg_trigger_depth pg_jit_available pg_timezone_names pg_settings_get_flags pg_control_checkpoint
    pg_control_system pg_control_recovery pg_control_init pg_read_file pg_read_binary_file pg_stat_file
    pg_export_snapshot pg_visible_in_snapshot pg_xact_status pg_xact_commit_timestamp pg_function_is_visible
    pg_filenode_relation pg_partition_tree pg_partition_root pg_partition_ancestors pg_available_extensions
    pg_show_replication_origin_status pgstattuple pgstattuple_approx pgstatindex pg_freespace pg_stats_ext
    obj_description col_description shobj_description format_type mxid_age currval lastval set_config
    current_setting session_user_id user_id bool and or not xpath setweight plainto_tsquery websearch_to_tsquery
    phraseto_tsquery similarity word_similarity levenshtein soundex gen_random_uuid uuid_generate_v4 crypt digest
    cast convert try_cast ifnull isnull if nvl iif instr locate field elt find_in_set group_concat from_unixtime
    unix_timestamp curdate curtime str_to_date timestampdiff datediff dateadd adddate subdate utc_timestamp year
    month day hour minute second week weekday dayofweek dayname monthname last_day time date datetime strftime
    julianday total printf typeof hex unhex database schema user connection_id found_rows row_count last_insert_id
    sleep benchmark inet_aton uuid char_length sysdate getdate len charindex isjson json tsvector jsonb text int
    integer bigint numeric decimal varchar char timestamp timestamptz interval point box circle polygon tsrange
    daterange numrange int4range int8range tstzrange lower_inc upper_inc isempty nanosecond changes
    last_insert_rowid ntext dbtimezone
    """
)

WORDS_BEFORE_BRACKETS: Final = named(
    """
    select from where and or not in exists any all some values as on using over filter within group by order
    partition having limit offset union intersect except join left right full inner outer cross lateral with
    recursive when then else case end distinct between like ilike similar is null returning only tablesample
    materialized array row numeric decimal varchar char character bit interval time timestamp timestamptz rows range
    groups set sets fetch current precision varying zone collate escape into
    """
)
"""Words before a bracket that call nothing."""
