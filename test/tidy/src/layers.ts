/**
 * A row lists every workspace package its owner may import. Any other import fails. The same arrows are drawn in
 * docs/ARCHITECTURE.md.
 */
export const layers: Readonly<Record<string, readonly string[] | 'all' | 'public'>> = {
  kernel: [],
  record: ['kernel'],
  protocol: ['kernel'],
  log: ['kernel', 'record'],
  broker: ['kernel', 'record', 'protocol', 'log'],
  client: ['kernel', 'record', 'protocol'],
  embedded: ['kernel', 'record', 'protocol', 'log', 'broker', 'client'],
  schema: ['kernel'],
  store: ['kernel'],
  streams: ['kernel', 'record', 'client', 'schema', 'store'],
  'connect-api': ['kernel', 'schema'],
  connect: ['kernel', 'record', 'client', 'schema', 'connect-api'],
  'connector-file': ['kernel', 'schema', 'connect-api'],
  'connector-postgres': ['kernel', 'schema', 'connect-api'],
  kafkajs: ['kernel', 'client'],
  testkit: 'all',
  millrace: 'all',
  /** Programs: what a user could write. */
  examples: 'public',
  /** What needs more than one package. */
  test: 'all',
}

/**
 * Libraries from outside, by the package whose arrow names them. A library that stands nowhere here may not be
 * imported by packages or connectors.
 */
export const libraries: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  record: ['@node-rs/crc32', 'snappy', 'lz4-napi', '@bokuweb/zstd-wasm', '@hpcc-js/wasm-zstd', '@toondepauw/node-zstd'],
  protocol: [],
  log: [],
  broker: [],
  client: [],
  embedded: [],
  schema: ['ajv'],
  store: ['lmdb'],
  streams: ['rxjs'],
  'connect-api': [],
  connect: ['ajv'],
  'connector-file': ['hyparquet', 'hyparquet-compressors', 'csv-parse'],
  'connector-postgres': ['pg', 'pg-copy-streams'],
  kafkajs: [],
  testkit: [],
  millrace: ['fastify', 'pino', 'prom-client', 'commander', 'tsx', 'rxjs'],
}

/** Node's own modules that touch the world: only kernel's Node ports, programs and tests may import them (law 3). */
export const worldlyModules: ReadonlySet<string> = new Set([
  'node:fs',
  'node:fs/promises',
  'node:net',
  'node:tls',
  'node:http',
  'node:https',
  'node:dgram',
  'node:dns',
  'node:child_process',
  'node:cluster',
  'node:worker_threads',
  'node:timers',
  'node:timers/promises',
  'node:perf_hooks',
  'node:os',
  'node:process',
  'node:readline',
])

/** Globals that touch the world, as they are written. */
export const worldlyGlobals: readonly RegExp[] = [
  /\bDate\.now\s*\(/,
  /\bnew\s+Date\s*\(\s*\)/,
  /\bMath\.random\b/,
  /\bperformance\.now\b/,
  /(?<![.\w])set(?:Timeout|Interval|Immediate)\s*\(/,
  /(?<![.\w])process\./,
  /\bawait\s+fetch\s*\(/,
  // Hashes and signatures are arithmetic; chance is not.
  /\b(?:random(?:UUID|Bytes|Int|Fill(?:Sync)?)|getRandomValues|generateKey(?:Pair)?(?:Sync)?|webcrypto)\b/,
  /\bAbortSignal\.timeout\b/,
]
