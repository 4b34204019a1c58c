import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { apiPort } from '../../src/cli/bagpipe/api.ts'
import { chanter } from '../support/cli.ts'
import { temporaryFiles } from '../support/files.ts'
import { serve } from '../support/http.ts'

const ATTACH = 'bagpipe-rest-attach'
const USAGE = `Usage: ${ATTACH} [--attach|--detach] --network-type (ipvpn|evpn) --port (<port>|netns) --ip <ip>[/<mask>] [options] (see --help)`

/** Runs a tool against a server that answers so; what it asked, and what it printed. */
async function run(line: string, status = 200, body = 'null') {
  const asked: string[] = []
  const server = await serve(({ method, url }, text) => {
    asked.push(`${method} ${url} ${text}`)
    return { status, body }
  })
  vi.stubEnv('CHANTER_API__PORT', String(server.port))
  let errors = ''
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors += text
    return true
  })
  onTestFinished(() => {
    vi.unstubAllEnvs()
    write.mockRestore()
  })
  return { ...(await chanter(...line.split(' '))), asked, errors }
}

describe('options are taken, and refused, as by bagpipe-bgp', () => {
  test.each([
    ['', 'Need to specify --attach or --detach'],
    [' --attach', 'Need to specify --port <localport>'],
    [' --attach --port x', 'Need to specify --network-type'],
    [' --attach --port x --network-type evpn', 'Need to specify --ip'],
    [' --foo', 'no such option: --foo'],
    [' -z', 'no such option: -z'],
    [' --net', 'ambiguous option: --net (--netns, --network-type?)'],
    [' --re', 'ambiguous option: --re (--readv-from-rt, --readv-to-rt, --redirect-rts?)'],
    [' --network-type l2', "option --network-type: invalid choice: 'l2' (choose from 'ipvpn', 'evpn')"],
    [' --vni x', "option --vni: invalid integer value: 'x'"],
    [' --attach=1', '--attach option does not take a value'],
    [' --ip', '--ip option requires 1 argument'],
    [
      ' --attach --port x --network-type evpn --ip 10.0.0.1',
      "Need to specify --mac for an EVPN network attachment if port is not 'netns'",
    ],
    [
      ' --attach --port x --network-type ipvpn --ip 10.0.0.1 --redirect-rts 1:1',
      'Need to specify --redirect-rt and at least one traffic classifier option',
    ],
  ])('%s', async (words, message) => {
    expect(await run(`${ATTACH}${words}`)).toMatchObject({
      errors: `${USAGE}\n\n${ATTACH}: error: ${message}\n`,
      error: undefined,
      exitCode: 2,
      asked: [],
    })
  })

  test('names may be short, values may follow =, and words may stand anywhere', async () => {
    const { asked } = await run(`${ATTACH} --atta --network=ipvpn --po=tap1 word --ip 10.0.0.1`)
    expect(asked).toEqual([expect.stringMatching(/^POST \/attach_localport .*"linuxif":"tap1"/)])
  })
})

describe(ATTACH, () => {
  test('prints the request and the answer', async () => {
    const { output, asked } = await run(
      `${ATTACH} --attach --network-type evpn --vpn-instance-id clinet1 --port tapc1 --mac 02:00:00:00:0c:01 --ip 192.168.77.1 --rt 64512:77 --vni 77`,
    )
    expect(output).toBe(`using 192.168.77.254 as gateway address
request: {"import_rt": ["64512:77"], "export_rt": ["64512:77"], "local_port": {"linuxif": "tapc1"}, "vpn_instance_id": "clinet1", "vpn_type": "evpn", "gateway_ip": "192.168.77.254", "mac_address": "02:00:00:00:0c:01", "ip_address": "192.168.77.1/24", "advertise_subnet": false, "readvertise": null, "attract_traffic": {}, "lb_consistent_hash_order": 0, "vni": 77, "direction": "both"}
response: 200 b'null'
`)
    expect(asked).toHaveLength(1)
  })

  test('prints a refusal, and fails', async () => {
    const refused = await run(
      `${ATTACH} --detach --network-type ipvpn --port a --ip 10.0.0.1`,
      400,
      '{"it\'s":"ü"}',
    )
    expect(refused.output).toMatch(/\n {3}b'\{"it\\'s":"\\xc3\\xbc"\}'\n$/)
    expect(refused).toMatchObject({ errors: 'error 400, reason: Bad Request\n', exitCode: 1 })
    expect(refused.asked[0]).toMatch(/^POST \/detach_localport /)
  })

  test('leads into an EVPN instance', async () => {
    const { output } = await run(`${ATTACH} --attach --network-type ipvpn --port evpn:n1 --ip 10.0.0.1`)
    expect(output).toContain('will plug evpn n1 into the IPVPN\n')
    expect(output).toContain('"local_port": {"evpn": {"id": "n1"}}')
  })

  test('does not lead from an EVPN instance into another', async () => {
    expect(
      await run(
        `${ATTACH} --attach --network-type evpn --port evpn:n1 --ip 10.0.0.1 --mac 02:00:00:00:00:01`,
      ),
    ).toMatchObject({ error: 'Can only plug an evpn into an ipvpn', asked: [] })
  })
})

describe('bagpipe-looking-glass', () => {
  test('exits with 0 when there is no such path', async () => {
    const { output, exitCode } = await run('bagpipe-looking-glass no such', 404)
    expect(output).toMatch(
      /^No such looking glass path: no such\n\(http:\/\/127\.0\.0\.1:\d+\/looking-glass\/no\/such\)\n$/,
    )
    expect(exitCode).toBeUndefined()
  })

  test('takes words that are paths by themselves', async () => {
    const { output, asked } = await run('bagpipe-looking-glass no/such é', 404)
    expect(asked).toEqual([expect.stringMatching(/^GET \/looking-glass\/no\/such\/%C3%A9 /)])
    expect(output).toMatch(/^No such looking glass path: no\/such %C3%A9\n/)
  })

  test('prints what the daemon answers otherwise', async () => {
    const { output } = await run('bagpipe-looking-glass --prefix x a', 500, 'oh')
    expect(output).toBe("Error code 500: b'oh'\n")
  })

  test('names the server that does not answer', async () => {
    const { output, exitCode } = await run('bagpipe-looking-glass --port 2')
    expect(output).toMatch(/^No server at http:\/\/127\.0\.0\.1:2 : /)
    expect(exitCode).toBeUndefined()
  })
})

test('bagpipe-impex2dot fails when a server does not answer', async () => {
  expect(await run('bagpipe-impex2dot --server 127.0.0.1 --port 2')).toMatchObject({
    error: expect.stringContaining('Error requesting http://127.0.0.1:2/looking-glass/vpns/instances: '),
    output: '',
  })
})

test.each(['::1', '[::1]'])('the tools take an IPv6 address as %s', async (server) => {
  const [glass, graph] = [`bagpipe-looking-glass --port 2`, `bagpipe-impex2dot --port 2`]
  expect((await run(`${glass} --server ${server}`)).output).toMatch(/^No server at http:\/\/\[::1\]:2 : /)
  expect((await run(`${graph} --server ${server}`)).error).toContain('Error requesting http://[::1]:2/')
})

test('a package has every command of bin/', () => {
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8'))
  expect(Object.values(bin).sort()).toEqual(globSync('bin/*').sort())
})

test.each([
  ['the one of a generated file', '[api]\nport = 8123\n', 8123],
  ['an older name', '[API]\napi_port = 8123\n', 8123],
  ['the default', '[BGP]\nmy_as = 64512\n', 8082],
  ['the default, where the value is wrong', '[API]\nport = x\n', 8082],
])('the port of the API is %s', async (_, text, port) => {
  expect(await apiPort(join(temporaryFiles({ 'bgp.conf': text }), 'bgp.conf'))).toBe(port)
})

test('the port of the API is the default where there is no configuration', async () => {
  expect(await apiPort('/nowhere/bgp.conf')).toBe(8082)
})
