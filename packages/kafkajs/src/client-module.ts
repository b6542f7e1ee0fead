import { KafkaJSInvariantViolation } from './errors.ts'

type ClientModule = typeof import('@millrace/client/internal')

let loaded: ClientModule | undefined

/**
 * The client, loaded with the first connection. Programs written for kafkajs are mostly CommonJS, and Node lets them
 * `require` an ES module only where nothing in it waits while it loads; below the client something does.
 */
export async function loadClient(): Promise<ClientModule> {
  loaded ??= await import('@millrace/client/internal')
  return loaded
}

/** The same, for what runs over a connection only. */
export function loadedClient(): ClientModule {
  if (loaded === undefined) throw new KafkaJSInvariantViolation('nothing has connected yet')
  return loaded
}
