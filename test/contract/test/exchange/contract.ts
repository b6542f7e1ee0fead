import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { kafkaServer, OurServer, type ServerUnderTest } from '../servers.ts'
import { differences, shown } from './compare.ts'
import { type Golden, readGolden, writeGolden } from './golden.ts'
import { explains, listedDifferences } from './listed.ts'
import { Session } from './session.ts'
import type { Transcript } from './transcript.ts'

export type Case = (session: Session) => Promise<void>

/**
 * Holds our broker against Apache Kafka, case by case: the same questions, and the same answers up to what
 * docs/differences.md lists. In a run without Apache Kafka its recorded answers stand for it; in one with it they are
 * checked first, or recorded anew under `--update`.
 */
export function contract(area: string, cases: Readonly<Record<string, Case>>): void {
  const golden = readGolden(area)
  const kafka = kafkaServer()
  if (kafka !== undefined) onKafka(area, cases, golden, kafka)
  onOurs(area, cases, golden)
}

function onKafka(area: string, cases: Readonly<Record<string, Case>>, golden: Golden, kafka: ServerUnderTest): void {
  const anew = inject('recordsAnew') === true
  const recorded: Golden = {}
  describe(`${area}, Apache Kafka`, () => {
    for (const [name, run] of Object.entries(cases)) {
      test(name, async () => {
        const transcript = await played(run, kafka, anew ? undefined : golden[name])
        recorded[name] = transcript
        if (anew) golden[name] = JSON.parse(JSON.stringify(transcript))
        else expect(transcript, 'Apache Kafka answers otherwise than recorded').toEqual(golden[name])
      })
    }
    afterAll(() => {
      if (anew) writeGolden(area, inOrderOf(cases, { ...golden, ...recorded }))
    })
  })
}

function onOurs(area: string, cases: Readonly<Record<string, Case>>, golden: Golden): void {
  describe(`${area}, Millrace`, () => {
    const listed = listedDifferences.filter((entry) => entry.area === area)
    const seen = new Set<unknown>()
    let ours: OurServer
    let whole = true
    beforeAll(async () => {
      ours = await OurServer.start()
    })
    afterAll(() => ours.stop())
    for (const [name, run] of Object.entries(cases)) {
      test(name, async ({ onTestFailed }) => {
        onTestFailed(() => {
          whole = false
        })
        const recorded = golden[name]
        if (recorded === undefined) throw new Error('no answers are recorded: npm run test:kafka -- --update')
        const unexplained = differences(recorded, await played(run, ours, recorded)).filter((difference) => {
          const entries = listed.filter((entry) => explains(entry, name, difference))
          for (const entry of entries) seen.add(entry)
          return entries.length === 0
        })
        expect(unexplained.map(shown), 'ours differs, and docs/differences.md does not say so').toEqual([])
      })
    }
    test('every listed difference still shows', ({ skip }) => {
      if (!whole) skip('a case failed')
      expect(listed.filter((entry) => !seen.has(entry))).toEqual([])
    })
  })
}

async function played(run: Case, server: ServerUnderTest, expected?: Transcript): Promise<Transcript> {
  const session = new Session(server, expected)
  try {
    await run(session)
  } finally {
    await session.end()
  }
  return JSON.parse(JSON.stringify(session.transcript))
}

/** In the order of the file, without cases that are gone. */
function inOrderOf(cases: Readonly<Record<string, Case>>, golden: Golden): Golden {
  return Object.fromEntries(
    Object.keys(cases).flatMap((name) => {
      const transcript = golden[name]
      return transcript === undefined ? [] : [[name, transcript]]
    }),
  )
}
