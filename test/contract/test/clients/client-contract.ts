import { contractOfRuns, type Run } from '../exchange/contract.ts'
import type { Session } from '../exchange/session.ts'
import type { ServerUnderTest } from '../servers.ts'
import type { ClientUnderTest } from './client-under-test.ts'
import { KafkajsClient } from './kafkajs-client.ts'
import { MillraceClient } from './millrace-client.ts'

/** What a client is told and gets goes into the session's notes. */
export type ClientCase<C extends ClientUnderTest = ClientUnderTest> = (session: Session, client: C) => Promise<void>

export interface ClientCases {
  /** By our client and by kafkajs: one record for both, so that they are held against each other as well. */
  readonly both: Readonly<Record<string, ClientCase>>
  /** What kafkajs has no call for. */
  readonly ours?: Readonly<Record<string, ClientCase<MillraceClient>>>
}

/** The contract as programs see it: what they ask of a client, against both servers. */
export function clientContract(area: string, { both, ours = {} }: ClientCases): void {
  const clients: readonly ((server: ServerUnderTest) => ClientUnderTest)[] = [
    (server) => new MillraceClient(server),
    (server) => new KafkajsClient(server),
  ]
  const names = ['@millrace/client', 'kafkajs']
  contractOfRuns(area, [
    ...Object.entries(both).flatMap(([name, run]) =>
      clients.map((open, i) => runOf(name, `${name}, ${names[i]}`, open, run)),
    ),
    ...Object.entries(ours).map(([name, run]) => runOf(name, name, (server) => new MillraceClient(server), run)),
  ])
}

function runOf<C extends ClientUnderTest>(
  recordedAs: string,
  name: string,
  open: (server: ServerUnderTest) => C,
  play: ClientCase<C>,
): Run {
  const run = async (session: Session): Promise<void> => {
    const client = open(session.server)
    try {
      await play(session, client)
    } finally {
      await client.close()
    }
  }
  return { name, recordedAs, run }
}
