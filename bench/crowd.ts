import { connect } from 'node:net'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import type { Server } from '../src/client.ts'

/** Clients that ask at the same time for as long as they live. */
export interface CrowdOptions {
  readonly server: Server
  readonly path: string
  readonly connections: number
  /** Requests that each sends at once, without waiting for answers. */
  readonly pipelined: number
}

/** What a crowd has had so far. */
export interface CrowdCounts {
  readonly answers: number
  readonly octets: number
  /** Connections that ended, which is all of them behind their answer where nothing is pipelined. */
  readonly closed: number
}

/** Starts a crowd in a thread of its own, which reads answers and parses nothing; resolves when it has begun to ask. */
export async function crowd(options: CrowdOptions): Promise<{ end(): Promise<CrowdCounts> }> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options })
  await new Promise((resolve) => worker.once('message', resolve))
  return {
    /** Resolves with its counts. */
    async end() {
      const counts = new Promise<CrowdCounts>((resolve) => worker.once('message', resolve))
      worker.postMessage('end')
      const had = await counts
      await worker.terminate()
      return had
    },
  }
}

const HEAD = Buffer.from('HTTP/1.1 ')

if (parentPort !== null) {
  const { server, path, connections, pipelined } = workerData as CrowdOptions
  const counts = { answers: 0, octets: 0, closed: 0 }
  const closing = pipelined === 1 ? 'Connection: close\r\n' : ''
  const asked = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${closing}\r\n`.repeat(pipelined)
  const ask = (): void => {
    const socket = connect(server.port, server.host)
    let isEnded = false
    socket.on('connect', () => socket.write(asked))
    socket.on('data', (data) => {
      counts.octets += data.length
      for (let at = data.indexOf(HEAD); at >= 0; at = data.indexOf(HEAD, at + 1)) counts.answers++
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (isEnded) return
      isEnded = true
      counts.closed++
      setTimeout(ask, 5)
    })
  }
  for (let i = 0; i < connections; i++) ask()
  parentPort.postMessage('begun')
  parentPort.once('message', () => parentPort?.postMessage(counts))
}
