import { run } from '../kernel/namespace.ts'

/** Whether the kernel sends MPLS in UDP: one without CONFIG_NET_FOU_IP_TUNNELS only takes it. */
export const SENDS_MPLS_IN_UDP = probe()

function probe(): boolean {
  const namespace = `probe-${process.pid}`
  run(`ip netns add ${namespace}`)
  try {
    run(
      `ip -n ${namespace} link add probe type ipip local 192.0.2.1 remote 192.0.2.2 mode mplsip encap fou encap-dport 6635`,
    )
    return true
  } catch {
    return false
  } finally {
    run(`ip netns delete ${namespace}`)
  }
}
