import { type KafkaCluster, startKafka } from '@millrace/test-contract'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { bothSettings, kafkaServer, OurServer, type ServerSettings, type ServerUnderTest } from '../servers.ts'
import { differences, shown } from './compare.ts'
import { coordinatorsLoaded } from './coordinators-loaded.ts'
import { type Golden, readGolden, writeGolden } from './golden.ts'
import { explains, listedDifferences } from './listed.ts'
import { Session } from './session.ts'
import type { Transcript } from './transcript.ts'

export type Case = (session: Session) => Promise<void>

/** A case as it is run. Several runs of one case, each by another client, are held against one record. */
export interface Run {
  readonly name: string
  /** Under which the answers of Apache Kafka are recorded. */
  readonly recordedAs: string
  readonly run: Case
}

/**
 * Holds our broker against Apache Kafka, case by case: the same questions, and the same answers up to what
 * docs/differences.md lists. In a run without Apache Kafka its recorded answers stand for it; in one with it they are
 * checked first, or recorded anew under `--update`.
 */
export function contract(area: string, cases: Readonly<Record<string, Case>>, settings?: ServerSettings): void {
  const runs = Object.entries(cases).map(([name, run]) => ({ name, recordedAs: name, run }))
  contractOfRuns(area, runs, settings)
}

/**
 * The same for cases of which some are run more than once. With settings that others would not bear, each of the two is
 * started for this area alone.
 */
export function contractOfRuns(area: string, runs: readonly Run[], settings?: ServerSettings): void {
  const golden = readGolden(area)
  const kafka = kafkaServer()
  if (kafka !== undefined) onKafka({ area, runs, golden, settings }, kafka)
  onOurs({ area, runs, golden, settings })
}

interface Suite {
  readonly area: string
  readonly runs: readonly Run[]
  readonly golden: Golden
  readonly settings: ServerSettings | undefined
}

function onKafka({ area, runs, golden, settings }: Suite, shared: ServerUnderTest): void {
  const anew = inject('recordsAnew') === true
  const recorded: Golden = {}
  describe(`${area}, Apache Kafka`, () => {
    let kafka = shared
    let own: KafkaCluster | undefined
    beforeAll(async () => {
      if (settings === undefined) return
      own = await startKafka({ settings: { ...bothSettings, ...settings } })
      kafka = { name: 'kafka', address: own.bootstrap }
      await coordinatorsLoaded(own.bootstrap)
    }, 240_000)
    afterAll(() => own?.stop())
    for (const { name, recordedAs, run } of runs) {
      test(name, async () => {
        const transcript = await played(run, kafka, anew ? undefined : golden[recordedAs])
        if (anew && recorded[recordedAs] === undefined) {
          recorded[recordedAs] = transcript
          golden[recordedAs] = JSON.parse(JSON.stringify(transcript))
        } else {
          const told = differences(golden[recordedAs] ?? {}, transcript).map(shown)
          expect(transcript, ['Apache Kafka answers otherwise than recorded', ...told].join('\n')).toEqual(
            golden[recordedAs],
          )
        }
      })
    }
    afterAll(() => {
      if (anew) writeGolden(area, inOrderOf(runs, { ...golden, ...recorded }))
    })
  })
}

function onOurs({ area, runs, golden, settings }: Suite): void {
  describe(`${area}, Millrace`, () => {
    const listed = listedDifferences.filter((entry) => entry.area === area)
    const seen = new Set<unknown>()
    let ours: OurServer
    let whole = true
    beforeAll(async () => {
      ours = await OurServer.start(settings)
    })
    afterAll(() => ours.stop())
    for (const { name, recordedAs, run } of runs) {
      test(name, async ({ onTestFailed }) => {
        onTestFailed(() => {
          whole = false
        })
        const recorded = golden[recordedAs]
        if (recorded === undefined) throw new Error('no answers are recorded: npm run test:kafka -- --update')
        const unexplained = differences(recorded, await played(run, ours, recorded)).filter((difference) => {
          const entries = listed.filter((entry) => explains(entry, name, difference))
          for (const entry of entries) seen.add(entry)
          return entries.length === 0
        })
        const told = unexplained.map(shown)
        expect(told, ['ours differs, and docs/differences.md does not say so', ...told].join('\n')).toEqual([])
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
function inOrderOf(runs: readonly Run[], golden: Golden): Golden {
  return Object.fromEntries(
    runs.flatMap(({ recordedAs }) => {
      const transcript = golden[recordedAs]
      return transcript === undefined ? [] : [[recordedAs, transcript]]
    }),
  )
}
