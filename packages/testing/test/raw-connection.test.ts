import { createServer, type Socket } from 'node:net'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { uniquePrefix } from '../src/key-space.js'
import { RawConnection } from '../src/raw-connection.js'
import { parseRawReply, RawReplyError } from '../src/raw-reply.js'

async function open(url = inject('redisUrl')) {
  const connection = await RawConnection.open(url)
  onTestFinished(() => connection.close())
  return connection
}

/** A server that answers whatever it is asked in the way the test says. */
async function fakeServer(answer: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', () => answer(socket))
  })
  await new Promise<void>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve())
  )
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (!address || typeof address !== 'object') throw new Error('no port')
  return `redis://127.0.0.1:${address.port}`
}

describe('a raw reply', () => {
  const reply = Buffer.from(
    '*6\r\n:-7\r\n$4\r\n\r\né\r\n$-1\r\n*2\r\n+OK\r\n*-1\r\n-ERR in here\r\n*0\r\n'
  )

  test('is read with nested arrays, nothings and errors', () => {
    const parsed = parseRawReply(reply)
    expect(parsed?.end).toBe(reply.length)
    expect(parsed?.reply).toEqual([
      -7,
      '\r\né',
      null,
      ['OK', null],
      new RawReplyError('ERR in here'),
      [],
    ])
  })

  test('is not there before its last byte is', () => {
    for (let length = 0; length < reply.length; length++) {
      expect(parseRawReply(reply.subarray(0, length))).toBeUndefined()
    }
  })

  test('of another protocol is an error', () => {
    expect(() => parseRawReply(Buffer.from('HTTP/1.1 400\r\n'))).toThrow(
      'not a RESP2 reply: "HTTP/1.1 400"'
    )
  })
})

describe('a raw connection', () => {
  test('answers many commands in the order in which they were sent', async () => {
    const connection = await open()
    const key = uniquePrefix()
    const replies = await Promise.all(
      Array.from({ length: 500 }, () => connection.command('INCR', key))
    )
    expect(replies).toEqual(Array.from({ length: 500 }, (_, i) => i + 1))
    await connection.command('DEL', key)
  })

  test('carries text and long values unchanged', async () => {
    const connection = await open()
    const key = uniquePrefix('täst 🐇 \r\n')
    const value = '🐇\r\n'.repeat(100_000)
    await connection.command('SET', key, Buffer.from(value))
    expect(await connection.command('GET', key)).toBe(value)
    await connection.command('DEL', key)
  })

  test('rejects an error reply by its code and goes on', async () => {
    const connection = await open()
    const failed = connection.command('NO-SUCH-COMMAND')
    const next = connection.command('PING')
    await expect(failed).rejects.toThrow(RawReplyError)
    await expect(failed).rejects.toMatchObject({ code: 'ERR' })
    expect(await next).toBe('PONG')
  })

  test('shows an error inside an array as a value', async () => {
    const connection = await open()
    const key = uniquePrefix()
    await connection.command('MULTI')
    await connection.command('SET', key, 'text')
    await connection.command('LPUSH', key, '1')
    await connection.command('DEL', key)
    expect(await connection.command('EXEC')).toEqual([
      'OK',
      expect.objectContaining({ code: 'WRONGTYPE' }),
      1,
    ])
  })

  test('uses the database of the URL', async () => {
    const url = new URL(inject('redisUrl'))
    url.pathname = '/5'
    const connection = await open(url.href)
    expect(await connection.command('CLIENT', 'INFO')).toContain(' db=5 ')
  })

  test('rejects what is unanswered when it is closed, and all that follows', async () => {
    const connection = await open(await fakeServer(() => {}))
    const unanswered = connection.command('PING')
    const closing = connection.close()
    await expect(unanswered).rejects.toThrow('the connection was closed')
    await closing
    await connection.close()
    await expect(connection.command('PING')).rejects.toThrow('was closed')
  })

  test('rejects what is unanswered when the server goes away', async () => {
    const url = await fakeServer((socket) => socket.end('$10\r\nhalf'))
    const connection = await open(url)
    await expect(connection.command('GET', 'a')).rejects.toThrow('was closed')
  })

  test('reads a reply that arrives byte by byte', async () => {
    const bytes = '*2\r\n$2\r\nab\r\n:1\r\n'
    const url = await fakeServer(async (socket) => {
      for (const byte of bytes) {
        socket.write(byte)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const connection = await open(url)
    expect(await connection.command('ANY')).toEqual(['ab', 1])
  })

  test('fails to open where nothing listens', async () => {
    await expect(RawConnection.open('redis://127.0.0.1:1')).rejects.toThrow(
      'ECONNREFUSED'
    )
  })
})
