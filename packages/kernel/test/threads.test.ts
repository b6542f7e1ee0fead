import { nodeThreads } from '@millrace/kernel/node'
import { describe, expect, it } from 'vitest'
import type { Thread } from '../src/ports/threads.ts'

const module = (source: string) => new URL(`data:text/javascript,${encodeURIComponent(source)}`)
const threads = nodeThreads()

function start(source: string, data: unknown = null, move: readonly ArrayBuffer[] = []): Thread {
  return threads.start(module(source), { name: 'under test', data, move })
}

const next = (thread: Thread) => new Promise<unknown>((resolve) => thread.port.listen(resolve))

describe('threads', () => {
  it('hand data to the default export, and answers back', async () => {
    const thread = start('export default (data, port) => port.post({ got: data })', { a: [1] })
    expect(await next(thread)).toEqual({ got: { a: [1] } })
    thread.port.close()
    expect(await thread.ended).toBeUndefined()
  })

  it('deliver what was posted last, though the thread has ended before anybody looked', async () => {
    for (let i = 0; i < 20; i++) {
      const thread = start(`export default (data, port) => { for (let i = 0; i < 3; i++) port.post(i); port.close() }`)
      if (i % 2 === 0) expect(await thread.ended).toBeUndefined()
      const got: unknown[] = []
      await new Promise<void>((resolve) => {
        thread.port.listen((message) => {
          got.push(message)
          if (got.length === 3) resolve()
        })
      })
      expect(got).toEqual([0, 1, 2])
      expect(await thread.ended).toBeUndefined()
    }
  })

  it('keep what was posted before anybody listened', async () => {
    const source =
      'export default async (data, port) => { await 0; port.listen((m) => { port.post(m + 1); port.close() }) }'
    const thread = start(source)
    thread.port.post(41)
    expect(await next(thread)).toBe(42)
    expect(await thread.ended).toBeUndefined()
  })

  it('move buffers, and ports that the other end adopts', async () => {
    const bytes = new ArrayBuffer(8)
    const source = `
      import { nodeThreads } from ${JSON.stringify(new URL('../dist/node/index.js', import.meta.url).href)}
      export default (data, port) => {
        port.listen(({ far, bytes }) => {
          const end = nodeThreads().adopt(far)
          end.post(bytes.byteLength, [bytes])
          end.close()
          port.close()
        })
      }`
    const thread = start(source)
    const { near, far } = threads.channel()
    const got = new Promise((resolve) => near.listen(resolve))
    thread.port.post({ far, bytes }, [far, bytes])
    expect(bytes.byteLength).toBe(0)
    expect(await got).toBe(8)
    expect(await thread.ended).toBeUndefined()
  })

  it('say what they died of', async () => {
    const thrown = start('export default () => { throw new RangeError("out of luck") }')
    expect(await thrown.ended).toMatchObject({ name: 'RangeError', message: 'out of luck' })
    const late = start('export default () => { setTimeout(() => Promise.reject(new Error("later")), 1) }')
    expect(await late.ended).toMatchObject({ message: 'later' })
    const none = start('export const start = 1')
    expect((await none.ended)?.message).toMatch(/no default export/)
    const exited = start('export default () => process.exit(3)')
    expect((await exited.ended)?.message).toMatch(/ended with code 3/)
  })

  it('load what the flags say before their own module', async () => {
    const loader = module('globalThis.loaded = "first"')
    const flagged = nodeThreads({ execArgv: ['--import', loader.href] })
    const source = 'export default (data, port) => { port.post(globalThis.loaded); port.close() }'
    expect(await next(flagged.start(module(source), { name: 'flagged', data: null }))).toBe('first')
  })

  it('end without an error when they are terminated', async () => {
    const thread = start('export default (data, port) => { port.listen(() => {}); port.post("up") }')
    await next(thread)
    await thread.terminate()
    expect(await thread.ended).toBeUndefined()
  })

  it.runIf(process.platform === 'linux')('tell their processor time, also when it is over', async () => {
    const source = `
      export default (data, port) => {
        for (let i = 0, s = 0; i < 3e8; i++) s += i
        port.post("done")
        port.listen(() => port.close())
      }`
    const thread = start(source)
    await next(thread)
    const used = await thread.cpuSeconds()
    expect(used).toBeGreaterThan(0.05)
    thread.port.post('end')
    await thread.ended
    expect(await thread.cpuSeconds()).toBeGreaterThanOrEqual(used ?? 0) // its end took some, too
  })
})
