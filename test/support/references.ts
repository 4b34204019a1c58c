// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are written so
/** Configurations with references, and what oslo.config makes of `[DEFAULT] log_file` and `[BGP] local_address`; null for an error. */
export const REFERENCES = [
  ['log_dir = /var/log/x\nlog_file = $log_dir/a.log', '', '/var/log/x/a.log', '192.0.2.1'],
  ['log_dir = /var/log/x\nlog_file = ${log_dir}/a.log', '', '/var/log/x/a.log', '192.0.2.1'],
  ['log_dir = /x\nlog_file = "$log_dir/$log_dir"', '', '/x//x', '192.0.2.1'],
  ['log_file = $$x/$$', '', '$x/$', '192.0.2.1'],
  ['log_file = \\$x', '', '$x', '192.0.2.1'],
  ['log_file = a$', '', 'a$', '192.0.2.1'],
  ['log_file = $1/$ x', '', '$1/$ x', '192.0.2.1'],
  ['log_file = ${log_dir', '', '${log_dir', '192.0.2.1'],
  ['log_file = $log_dir/x', '', '/x', '192.0.2.1'],
  ['log_file = ${BGP.local_address}.log', '', '192.0.2.1.log', '192.0.2.1'],
  ['log_file = $BGP.bgp_port', '', '179', '192.0.2.1'],
  ['log_file = D', 'local_address = $log_file', 'D', 'D'],
  ['log_dir = $log_file\nlog_file = 192.0.2.9', 'local_address = $log_dir', '192.0.2.9', '192.0.2.9'],
  ['log_file = $nothing/x', '', null, '192.0.2.1'],
  ['log_file = $BGP.local_address.log', '', null, '192.0.2.1'],
  ['log_file = ${BGP.nothing}', '', null, '192.0.2.1'],
  ['log_file = $bgp.local_address', '', null, '192.0.2.1'],
  ['log_file = $LOG_DIR', '', null, '192.0.2.1'],
  ['log_file = $BGP', '', null, '192.0.2.1'],
] as const

/** The text of one of them. */
export function withReferences(inDefault: string, inBgp: string): string {
  return `[DEFAULT]\n${inDefault}\n[BGP]\nmy_as = 64512\n${inBgp === '' ? 'local_address = 192.0.2.1' : inBgp}\n`
}
