import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../src/lab/eventually.ts'
import { ContainerLab } from '../interop/scenarios/container-lab.ts'
import { IMAGES } from '../interop/scenarios/containers.ts'
import { Engine } from '../interop/scenarios/engine.ts'

/** Octets of chanter's own layers. */
const MOST_OCTETS = 10_000_000
const ADDRESS = '10.9.9.1'
const ALL = ['NET_ADMIN', 'NET_BIND_SERVICE', 'BPF']
const CONFIGURED = [
  `CHANTER_LOCAL_ADDRESS=${ADDRESS}`,
  'CHANTER_MY_AS=64512',
  'CHANTER_DATAPLANE_DRIVER_EVPN__DATAPLANE_DRIVER=linux',
].flatMap((variable) => ['-e', variable])
const ATTACH =
  '--vpn-type evpn --vpn-instance-id net1 --port tap1 --mac 02:00:00:00:01:01 --ip 192.168.10.1 --rt 64512:10'
const TARGETS = { Debian: IMAGES.chanter.tag, distroless: 'localhost/chanter-distroless' } as const

const HOST = 'host'
const STATUS = ['node', '-p', 'require("fs").readFileSync("/proc/1/status", "utf8")']
const engine = Engine.find()
let lab: ContainerLab
let count = 0

/** What a host is to the daemon: a network that it shares. */
beforeAll(async () => {
  const base = engine.base()
  await engine.build(TARGETS.Debian, base)
  await engine.build(TARGETS.distroless, base, { target: 'distroless' })
  await engine.build(IMAGES.vm.tag, base, IMAGES.vm.options)
  lab = new ContainerLab(engine)
  const options = ['--network', 'none', '--cap-add', 'NET_ADMIN', '--entrypoint', 'sleep']
  await lab.start(HOST, [...options, IMAGES.vm.tag, 'infinity'])
  await lab.exec(HOST, 'ip', 'addr', 'add', `${ADDRESS}/32`, 'dev', 'lo')
})

afterAll(() => lab.close())

interface Container {
  exec(...command: readonly string[]): Promise<string>
  logs(): Promise<string>
  /** Stops it; resolves to its exit code. */
  stop(): Promise<number>
}

/** Runs the image in the network of the host until `use` is done. */
async function running<T>(
  image: string,
  options: readonly string[],
  use: (container: Container) => Promise<T>,
  words: readonly string[] = [],
): Promise<T> {
  const role = `image-${++count}`
  await lab.start(role, [...lab.sharing(HOST), ...options, image, ...words])
  try {
    return await use({
      exec: (...command) => lab.exec(role, ...command),
      logs: () => lab.logs(role),
      async stop() {
        await engine.run('stop', lab.nameOf(role))
        return Number(await engine.run('inspect', '--format', '{{.State.ExitCode}}', lab.nameOf(role)))
      },
    })
  } finally {
    await lab.remove(role)
  }
}

/** As the README has it, but for the capabilities that are left out. */
function confined(without?: string): string[] {
  const added = ALL.filter((name) => name !== without).flatMap((name) => ['--cap-add', name])
  return ['--read-only', '--cap-drop', 'ALL', ...added, ...engine.bpfOptions]
}

const node = (...words: readonly string[]) => ['node', '/opt/chanter/dist/main.js', ...words]

const alive = ({ exec, logs }: Container) =>
  eventually('the daemon answers', async () => ({ value: await exec(...node('status', '--alive')) })).catch(
    async (error: Error) => {
      throw new Error(`${error.message}\n${await logs()}`)
    },
  )

/** Makes the port of a VM for as long as `use` takes. */
async function withPort<T>(use: () => Promise<T>): Promise<T> {
  await lab.exec(HOST, 'ip', 'link', 'add', 'tap1', 'up', 'type', 'veth', 'peer', 'far1')
  try {
    return await use()
  } finally {
    for (const device of ['tap1', 'vxlan--net1', 'evpn---net1'])
      await lab.exec(HOST, 'ip', 'link', 'del', device).catch(() => 'it is not there')
  }
}

describe.each(Object.entries(TARGETS))('the image on %s', (_, image) => {
  test('serves, not as root, with a read-only root and three capabilities; stops with exit code 0', async () => {
    const started = performance.now()
    await running(image, [...confined(), ...CONFIGURED], async (container) => {
      await alive(container)
      console.log(`${image}: answers ${Math.round(performance.now() - started)} ms after its start`)
      const status = await container.exec(...STATUS)
      expect(status).toMatch(/^Uid:\t65532\t/m)
      expect(status).toMatch(/^CapEff:\t0000008000001400$/m)
      expect(await container.logs()).toContain('"msg":"ready"')
      await withPort(async () => {
        expect(await container.exec(...node('attach', ...ATTACH.split(' ')))).toContain('200')
        expect(await container.exec(...node('status', '--json')).catch(String)).not.toContain('CAP_BPF')
      })
      expect(await container.stop()).toBe(0)
    })
  })

  test('keeps its state in the volume, and has a health check without a shell', async () => {
    const [{ Config }] = JSON.parse(await engine.run('image', 'inspect', image))
    expect(Config.Volumes).toEqual({ '/var/lib/chanter': {} })
    expect(Config.User).toBe('65532:65532')
    const [how, ...command] = (
      Config.Healthcheck ??
      JSON.parse(await engine.run('image', 'inspect', '--format', '{{json .HealthCheck}}', image))
    ).Test
    expect(how).toBe('CMD')
    await running(image, [...confined(), ...CONFIGURED], async (container) => {
      await alive(container)
      expect(await container.exec(...command)).toBe('{"ok":true}\n')
      await withPort(async () => {
        await container.exec(...node('attach', ...ATTACH.split(' ')))
        const state = 'require("fs").readFileSync("/var/lib/chanter/state", "utf8")'
        expect(await container.exec('node', '-p', state)).not.toBe('')
      })
    })
  })

  test('reads a mounted bgp.conf', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'chanter-image-'))
    chmodSync(directory, 0o755)
    writeFileSync(join(directory, 'bgp.conf'), `[BGP]\nlocal_address = ${ADDRESS}\nmy_as = 64999\n`)
    try {
      const mount = ['-v', `${directory}:/etc/bagpipe-bgp:ro`]
      await running(
        image,
        [...confined(), ...mount, '-e', 'CHANTER_DEFAULT__DEBUG=true'],
        async (container) => {
          await alive(container)
          expect(await container.exec(...node('looking-glass', 'config', '--json'))).toContain('64999')
        },
      )
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('without NET_BIND_SERVICE it accepts no sessions, and shows the reason', async () => {
    const options = [...confined('NET_BIND_SERVICE'), ...CONFIGURED]
    await running(image, options, async (container) => {
      await alive(container)
      const line = (await container.logs()).split('\n').find((one) => one.includes('cannot listen'))
      expect(JSON.parse(line ?? '{}')).toMatchObject({
        reason: `listen EACCES: permission denied ${ADDRESS}:179`,
        msg: 'cannot listen for BGP: peers cannot connect to us; retrying',
      })
    })
  })

  test('without NET_ADMIN an attach is refused with the reason', async () => {
    await running(image, [...confined('NET_ADMIN'), ...CONFIGURED], async (container) => {
      await alive(container)
      await withPort(async () => {
        const words = container.exec(...node('attach', ...ATTACH.split(' ')))
        await expect(words).rejects.toThrow(
          '400: Bad Request: vpn_type: evpn cannot be served: CAP_NET_ADMIN is missing',
        )
      })
    })
  })

  test('without BPF the status reports that networks are not isolated', async () => {
    await running(image, [...confined('BPF'), ...CONFIGURED], async (container) => {
      await alive(container)
      await withPort(async () => {
        await container.exec(...node('attach', ...ATTACH.split(' ')))
        await expect(container.exec(...node('status'))).rejects.toThrow(/CAP_BPF is missing/)
      })
    })
  })

  test('as Docker starts a user other than root, without capabilities of its own, it takes those of the container', async () => {
    // a root that becomes that user: with what is left of it, the entry point has to do
    const become = [
      ...[
        '--user',
        '0:0',
        '--cap-add',
        'SETUID',
        '--cap-add',
        'SETGID',
        '--entrypoint',
        '/opt/chanter/setpriv',
      ],
    ]
    const words = [
      '--reuid=65532',
      '--regid=65532',
      '--clear-groups',
      'node',
      '/opt/chanter/dist/container.js',
      'daemon',
    ]
    await running(
      image,
      [...confined(), ...become, ...CONFIGURED],
      async (container) => {
        await alive(container)
        const status = await container.exec(...STATUS)
        expect(status).toMatch(/^Uid:\t65532\t/m)
        expect(status).toMatch(/^CapEff:\t0000008000001400$/m)
      },
      words,
    )
  })
})

test('chanter’s own layers are small', async () => {
  const base = engine.base()
  const sizeOf = async (image: string) =>
    Number(await engine.run('image', 'inspect', '--format', '{{.Size}}', image))
  const [all, debian] = [await sizeOf(TARGETS.Debian), await sizeOf(base)]
  const whole = await sizeOf(TARGETS.distroless)
  console.log(
    `${TARGETS.Debian}: ${all - debian} octets on ${debian} of ${base}; ${TARGETS.distroless}: ${whole}`,
  )
  expect(all - debian).toBeLessThan(MOST_OCTETS)
})

test('all names of bin/ are there', async () => {
  for (const name of readdirSync('bin')) {
    const words = ['run', '--rm', ...engine.runOptions, '--network', 'none', '--entrypoint', name]
    expect(await engine.run(...words, TARGETS.Debian, '--help')).toMatch(/chanter|^Usage: +bagpipe-/)
  }
})

test('the version is an OCI label', async () => {
  const [{ Labels, Config }] = JSON.parse(await engine.run('image', 'inspect', TARGETS.Debian))
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  expect({ ...Labels, ...Config.Labels }['org.opencontainers.image.version']).toBe(version)
})
