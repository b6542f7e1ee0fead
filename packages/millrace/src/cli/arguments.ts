import { InvalidArgumentError } from 'commander'

/** `host:port`; an IPv6 address in brackets. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

export function hostPort(text: string): HostPort {
  const parts = /^(?:\[([^\]]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(text)
  const host = parts?.[1] ?? parts?.[2]
  const port = Number(parts?.[3])
  if (host === undefined || !(port < 65_536)) throw new InvalidArgumentError('Write HOST:PORT, as 127.0.0.1:9092.')
  return { host, port }
}

/** One or more addresses, with commas between them. */
export function addresses(text: string): readonly string[] {
  const all = text.split(',').map((address) => address.trim())
  if (all.some((address) => hostPort(address).port === 0)) {
    throw new InvalidArgumentError('Write HOST:PORT, with commas between several; no port is 0.')
  }
  return all
}

export function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= from && value <= to) return value
    throw new InvalidArgumentError(`Write a whole number from ${from} to ${to}.`)
  }
}

export const portNumber = wholeNumber(0, 65_535)

/** `key=value`, given any number of times. */
export function setting(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Write key=value, as num.partitions=4.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}
