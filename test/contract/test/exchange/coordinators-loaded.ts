import { setTimeout as sleep } from 'node:timers/promises'
import { RawConnection } from './raw-connection.ts'

/** The first question to a coordinator makes its topic, and all answer that they are not there yet. */
export async function coordinatorsLoaded(address: string): Promise<void> {
  const connection = await RawConnection.connect(address)
  const coordinatorKeys = Array.from({ length: 32 }, (_, i) => `warm-${i}`)
  for (const keyType of [0, 1]) {
    for (;;) {
      const answer = await connection.ask('findCoordinator', 4, { keyType, coordinatorKeys })
      if (answer === 'closed') throw new Error('Apache Kafka closes on FindCoordinator')
      if (answer.coordinators.every(({ errorCode }) => errorCode === 0)) break
      await sleep(50)
    }
  }
  connection.close()
}
