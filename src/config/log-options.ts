import { option, unused, unusedGroup } from './option.ts'
import { boolean, integer, oneOfAnyCase, path, syslogFacility } from './types.ts'

/** Units of `log_rotate_interval`. */
export type RotationUnit = (typeof ROTATION_UNITS)[number]
const ROTATION_UNITS = ['Seconds', 'Minutes', 'Hours', 'Days', 'Weekday', 'Midnight'] as const

/** The options of [DEFAULT] that are oslo.log's, with its defaults. */
export const logOptions = {
  debug: option(boolean, false, 'Log more.'),
  log_file: option(
    path,
    null,
    'File that the log is appended to; standard output when neither it nor `log_dir` is given.',
    { aliases: ['logfile'] },
  ),
  log_dir: option(path, null, 'Directory of a relative `log_file`; on its own it holds `chanter.log`.', {
    aliases: ['logdir'],
  }),
  watch_log_file: option(
    boolean,
    false,
    'Open `log_file` anew when it was moved or removed; `log_rotation_type` then does not count.',
  ),
  log_rotation_type: option(
    oneOfAnyCase('none', 'size', 'interval'),
    'none',
    'Rotate `log_file` when it reaches `max_logfile_size_mb`, or every `log_rotate_interval`.',
  ),
  max_logfile_size_mb: option(
    integer(0, 1_048_576),
    200,
    'Size in MiB at which `log_file` is rotated; 0: never.',
  ),
  max_logfile_count: option(integer(0, 10_000), 30, 'Rotated files that are kept; 0: it is not rotated.'),
  log_rotate_interval: option(
    integer(0, 1_000_000),
    1,
    'Number of `log_rotate_interval_type` after which `log_file` is rotated; of Weekday the day, 0 for Monday to 6 for Sunday.',
  ),
  log_rotate_interval_type: option(oneOfAnyCase(...ROTATION_UNITS), 'Days', 'Unit of `log_rotate_interval`.'),
  use_stderr: option(boolean, false, 'Log to standard error.'),
  use_syslog: option(boolean, false, 'Log to syslog (`/dev/log`).'),
  syslog_log_facility: option(syslogFacility, 1, 'Facility of the lines in syslog and in the journal.'),
  use_journal: option(boolean, false, "Log to systemd's journal."),
  log_config_append: unused('it configures the logging of Python', null, ['log_config']),
  ...unusedGroup('the log is JSON, one object a line, with times of RFC 3339 in UTC', [
    'instance_format',
    'instance_uuid_format',
    'log_color',
    'log_date_format',
    'logging_context_format_string',
    'logging_debug_format_suffix',
    'logging_default_format_string',
    'logging_exception_prefix',
    'logging_user_identity_format',
    'use_json',
  ]),
  ...unusedGroup('it names modules of Python; `debug` sets the level', ['default_log_levels']),
  ...unusedGroup('the log has no limit of lines', [
    'rate_limit_burst',
    'rate_limit_except_level',
    'rate_limit_interval',
  ]),
  ...unusedGroup('it belongs to message queues of OpenStack', ['publish_errors']),
  ...unusedGroup('it belongs to the code of OpenStack', ['fatal_deprecations']),
  ...unusedGroup('it belongs to Windows', ['use_eventlog']),
}
