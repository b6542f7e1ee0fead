import { startKafka } from '@millrace/test-contract'
import type { TestProject } from 'vitest/node'
import { coordinatorsLoaded } from './exchange/coordinators-loaded.ts'
import { bothSettings } from './servers.ts'

/**
 * Once per run: Apache Kafka for all suites, and where its jars lie for those that want Java. For quick rounds, one that
 * `node test/contract/dist/main.js` started with the settings below: its address in MILLRACE_KAFKA.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide('recordsAnew', project.config.snapshotOptions.updateSnapshot === 'all')
  const running = process.env['MILLRACE_KAFKA']
  if (running !== undefined) {
    await coordinatorsLoaded(running)
    project.provide('kafka', running)
    return async () => {}
  }
  const report = (line: string): void => void process.stderr.write(`apache kafka: ${line}\n`)
  const started = Date.now()
  const kafka = await startKafka({ settings: bothSettings, report })
  report(`${kafka.jars.version} serves ${kafka.bootstrap} after ${Date.now() - started} ms; logs in ${kafka.directory}`)
  await coordinatorsLoaded(kafka.bootstrap)
  process.env['KAFKA_CLIENTS_JAR'] = kafka.jars.clients
  project.provide('kafka', kafka.bootstrap)
  return () => kafka.stop()
}
