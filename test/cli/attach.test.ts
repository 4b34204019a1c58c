import { describe, expect, test } from 'vitest'
import { chanter } from '../support/cli.ts'
import { serve } from '../support/http.ts'

/** Command lines, and the request that bagpipe-rest-attach sends for the same options. */
const REQUESTS: [string, object][] = [
  [
    '--network-type evpn --vpn-instance-id clinet1 --port tapc1 --mac 02:00:00:00:0c:01 --ip 192.168.77.1 --rt 64512:77 --vni 77',
    {
      import_rt: ['64512:77'],
      export_rt: ['64512:77'],
      local_port: { linuxif: 'tapc1' },
      vpn_instance_id: 'clinet1',
      vpn_type: 'evpn',
      gateway_ip: '192.168.77.254',
      mac_address: '02:00:00:00:0c:01',
      ip_address: '192.168.77.1/24',
      advertise_subnet: false,
      readvertise: null,
      attract_traffic: {},
      lb_consistent_hash_order: 0,
      vni: 77,
      direction: 'both',
    },
  ],
  [
    '--network-type ipvpn --port tapc2 --ip 192.168.79.1/24 --import-rt 64512:80 --export-rt 64512:81',
    {
      import_rt: ['64512:80'],
      export_rt: ['64512:81'],
      local_port: { linuxif: 'tapc2' },
      vpn_instance_id: 'ipvpn-bagpipe-test',
      vpn_type: 'ipvpn',
      gateway_ip: '192.168.79.254',
      mac_address: '52:54:00:99:99:22',
      ip_address: '192.168.79.1/24',
      advertise_subnet: false,
      readvertise: null,
      attract_traffic: {},
      lb_consistent_hash_order: 0,
      vni: 0,
      direction: 'both',
    },
  ],
  [
    '--network-type ipvpn --vpn-instance-id clirv --port tapc2 --ip 192.168.80.1/24 --rt 64512:82 --readv-from-rt 64512:81 --readv-to-rt 64512:83',
    {
      import_rt: ['64512:82'],
      export_rt: ['64512:82'],
      local_port: { linuxif: 'tapc2' },
      vpn_instance_id: 'clirv',
      vpn_type: 'ipvpn',
      gateway_ip: '192.168.80.254',
      mac_address: '52:54:00:99:99:22',
      ip_address: '192.168.80.1/24',
      advertise_subnet: false,
      readvertise: { from_rt: ['64512:81'], to_rt: ['64512:83'] },
      attract_traffic: {},
      lb_consistent_hash_order: 0,
      vni: 0,
      direction: 'both',
    },
  ],
  [
    '--network-type ipvpn --vpn-instance-id cliat --port tapc2 --ip 192.168.81.1/24 --rt 64512:84 --readv-from-rt 64512:81 --readv-to-rt 64512:85 --redirect-rts 64512:86 --source-prefix 10.0.0.0/8 --destination-port 80 --protocol tcp',
    {
      import_rt: ['64512:84'],
      export_rt: ['64512:84'],
      local_port: { linuxif: 'tapc2' },
      vpn_instance_id: 'cliat',
      vpn_type: 'ipvpn',
      gateway_ip: '192.168.81.254',
      mac_address: '52:54:00:99:99:22',
      ip_address: '192.168.81.1/24',
      advertise_subnet: false,
      readvertise: { from_rt: ['64512:81'], to_rt: ['64512:85'] },
      attract_traffic: {
        redirect_rts: ['64512:86'],
        classifier: { sourcePrefix: '10.0.0.0/8', destinationPort: '80', protocol: 'tcp' },
      },
      lb_consistent_hash_order: 0,
      vni: 0,
      direction: 'both',
    },
  ],
]

async function dryRun(line: string): Promise<Record<string, unknown>> {
  const { output, error } = await chanter('attach', ...line.split(' '), '--json')
  expect(error).toBeUndefined()
  return JSON.parse(output)
}

describe('the request is that of bagpipe-rest-attach', () => {
  test.each(REQUESTS)('%s', async (line, request) => {
    expect(await dryRun(line)).toEqual(request)
  })
})

describe('options', () => {
  const EVPN = '--vpn-type evpn --port tap1 --mac 02:00:00:00:0c:01'

  test.each([
    [EVPN, { import_rt: ['64512:513'], export_rt: ['64512:513'], vpn_instance_id: 'evpn-bagpipe-test' }],
    ['--vpn-type ipvpn --port tap1 --ip 10.0.0.1', { import_rt: ['64512:512'], export_rt: ['64512:512'] }],
    [
      `${EVPN} --rt 1:1 --rt 1:2 --import-rt 1:3`,
      { import_rt: ['1:1', '1:2', '1:3'], export_rt: ['1:1', '1:2'] },
    ],
    [
      `${EVPN} --local-pref 0 --linuxbr br0 --direction to-port`,
      { local_pref: 0, linuxbr: 'br0', direction: 'to-port' },
    ],
    [`${EVPN} --description web`, { description: 'web' }],
    [
      `${EVPN} --ip 2001:db8::1`,
      { ip_address: '2001:db8::1/64', gateway_ip: '2001:db8::ffff:ffff:ffff:fffe' },
    ],
    [`${EVPN} --ip 10.0.0.1/16`, { gateway_ip: '10.0.255.254' }],
    [`${EVPN} --ip 10.0.0.1/16 --gateway-ip 10.0.0.254`, { gateway_ip: '10.0.0.254' }],
    ['--vpn-type ipvpn --port evpn:net1 --ip 10.0.0.1', { local_port: { evpn: { id: 'net1' } } }],
    [
      '--vpn-type ipvpn --port tap1 --ip 10.0.0.1 --redirect-rts 1:1 --protocol udp --attract-to-rt 1:2 --static-destination-prefix 10.1.0.0/16',
      {
        attract_traffic: {
          redirect_rts: ['1:1'],
          classifier: { protocol: 'udp' },
          to_rt: ['1:2'],
          static_destination_prefixes: ['10.1.0.0/16'],
        },
      },
    ],
  ])('%s', async (line, part) => {
    expect(await dryRun(line)).toMatchObject(part)
  })

  test('an endpoint without address, or alone in its subnet, has no gateway', async () => {
    expect(await dryRun(EVPN)).not.toHaveProperty('gateway_ip')
    expect(await dryRun(EVPN)).not.toHaveProperty('ip_address')
    expect(await dryRun(`${EVPN} --ip 10.0.0.1/32`)).not.toHaveProperty('gateway_ip')
  })

  test.each([
    ['', 'Missing required arguments: vpn-type, port; see chanter attach --help'],
    ['--vpn-type evpn --port tap1', 'an evpn endpoint needs --mac'],
    ['--vpn-type ipvpn --port tap1', 'an ipvpn endpoint needs --ip'],
    [`${EVPN} --ip 10.0.0.300`, '--ip 10.0.0.300/24 is not an IP address'],
    [`${EVPN} --vni ten`, '--vni takes a number; see chanter attach --help'],
    [`${EVPN} --mac 02:00:00:00:0c:02`, '--mac is given more than once; see chanter attach --help'],
    [
      `${EVPN} --vpn-instnce-id a`,
      'unknown option --vpn-instnce-id (did you mean --vpn-instance-id?); see chanter attach --help',
    ],
    [
      '--vpn-type l2 --port tap1',
      'Invalid values: Argument: vpn-type, Given: "l2", Choices: "evpn", "ipvpn"; see chanter attach --help',
    ],
    ['--vpn-type evpn --port', 'Not enough arguments following: port; see chanter attach --help'],
    [
      '--vpn-type ipvpn --port tap1 --ip 10.0.0.1 --redirect-rts 1:1',
      '--redirect-rts needs a classifier: --source-prefix, --destination-port, --protocol, ...',
    ],
    [
      '--vpn-type ipvpn --port tap1 --ip 10.0.0.1 --redirect-rts 1:1 --protocol udp --attract-to-rt 1:2',
      '--attract-to-rt needs --static-destination-prefix',
    ],
  ])('%j is refused', async (line, message) => {
    expect(await chanter('attach', ...line.split(' ').filter(Boolean), '--json')).toMatchObject({
      error: message,
    })
  })
})

describe('sending', () => {
  const LINE = ['--vpn-type', 'evpn', '--port', 'tap1', '--mac', '02:00:00:00:0c:01']

  test.each(['attach', 'detach'])('%s prints the answer', async (command) => {
    const seen: unknown[] = []
    const server = await serve(({ method, url }, body) => {
      seen.push(method, url, JSON.parse(body).local_port)
      return { body: 'null' }
    })
    const outcome = await chanter(command, ...LINE, '--api-port', String(server.port))
    expect(outcome).toMatchObject({ output: '200 null\n', error: undefined })
    expect(seen).toEqual(['POST', `/${command}_localport`, { linuxif: 'tap1' }])
  })

  test.each([
    [
      '{"code":400,"title":"Bad Request","description":"no interface tap1"}',
      '400: Bad Request: no interface tap1',
    ],
    ['<html><title>400 Bad Request</title>\n No port</html>', '400: 400 Bad Request No port'],
    ['"odd"', '400: "odd"'],
  ])('a refusal fails with its description: %s', async (body, error) => {
    const server = await serve(() => ({ status: 400, body }))
    expect(await chanter('attach', ...LINE, '--api-port', String(server.port))).toMatchObject({
      error,
      output: '',
    })
  })

  test('no daemon', async () => {
    expect(await chanter('attach', ...LINE, '--server', '::1', '--api-port', '2')).toMatchObject({
      error:
        'no answer from http://[::1]:2/attach_localport (connection refused): is the daemon running there? `chanter daemon` starts it',
    })
  })
})
