import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** Below what systems give out by themselves: Linux from 32768 on, others from 49152 on. */
const range = [20_000, 32_000] as const

/**
 * So many ports of 127.0.0.1 on which nobody listens now. Nobody who asks for any port, or connects from one, is given one of them
 * before it is used, or while its server is away. All are held until all are known, so none comes twice.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Map<number, Server>()
  while (ports.size < count) {
    const port = randomInt(...range)
    const holder = createServer().listen(port, '127.0.0.1')
    const free = await once(holder, 'listening').then(
      () => true,
      () => false, // it is taken
    )
    if (free) ports.set(port, holder)
  }
  await Promise.all([...ports.values()].map((holder) => new Promise((resolve) => holder.close(resolve))))
  return [...ports.keys()]
}
