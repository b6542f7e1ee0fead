import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** So many ports of 127.0.0.1 on which nobody listens now. All are held until all are known, so none comes twice. */
export async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(holders.map((holder) => once(holder, 'listening')))
  const ports = holders.map((holder) => portOf(holder.address()))
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))))
  return ports
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port')
  return address.port
}
