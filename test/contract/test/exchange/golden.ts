import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Transcript } from './transcript.ts'

const folder = fileURLToPath(new URL('../../../golden/kafka-4.3/', import.meta.url))

/** What Apache Kafka answered to each case of an area. */
export type Golden = Record<string, Transcript>

export function readGolden(area: string): Golden {
  const file = `${folder}${area}.json`
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

/** One answer a line, so that a change of Kafka's shows as a change of lines. */
export function writeGolden(area: string, golden: Golden): void {
  const cases = Object.entries(golden).map(([name, steps]) => {
    const lines = Object.entries(steps).map(
      ([step, answer]) => `    ${JSON.stringify(step)}: ${JSON.stringify(answer)}`,
    )
    return `  ${JSON.stringify(name)}: {\n${lines.join(',\n')}\n  }`
  })
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}${area}.json`, `{\n${cases.join(',\n')}\n}\n`)
}
