import { ChildOfTest } from './child-process.ts'

/** The engine, listening on `port`. Said: `ready 127.0.0.1:<port>`. */
export function startEngineProcess(data: string, port: number): ChildOfTest {
  return new ChildOfTest(new URL('../dist/processes/engine.js', import.meta.url), [data, String(port)])
}

/**
 * File source, count by key and file sink in one process. Says `<read> <counted> <written>` again and again, then
 * `done`.
 */
export function startPipelineProcess(
  directory: string,
  processing: 'at-least-once' | 'exactly-once' = 'at-least-once',
): ChildOfTest {
  return new ChildOfTest(new URL('../dist/processes/pipeline.js', import.meta.url), [directory, processing])
}
