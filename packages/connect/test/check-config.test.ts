import { type Connector, defineSink, defineSource } from '@millrace/connect-api'
import { SimDisk } from '@millrace/kernel/sim'
import { describe, expect, it } from 'vitest'
import { checkConfig } from '../src/config/check-config.ts'
import { ConnectorConfigError } from '../src/config/config-errors.ts'
import { ConnectorRegistry } from '../src/config/connector-registry.ts'
import { secretsOf, withoutSecrets } from '../src/config/env-references.ts'

const source: Connector = defineSource({
  name: 'number-source',
  aliases: [{ className: 'org.example.NumberSourceConnector', options: { 'end.at': 'to' } }],
  config: {
    required: ['topic'],
    properties: {
      topic: { type: 'string' },
      to: { type: 'integer', minimum: 1, default: 10 },
      order: { enum: ['up', 'down'], default: 'up' },
      password: { type: 'string', writeOnly: true, minLength: 4 },
    },
  },
  start: () => ({ poll: async () => 'end' as const }),
})
const sink: Connector = defineSink({
  name: 'null-sink',
  config: {
    properties: {
      fields: {
        type: 'array',
        items: { type: 'object', additionalProperties: false, properties: { name: { type: 'string' } } },
      },
    },
  },
  start: () => ({ put: async () => undefined }),
})
const world = {
  registry: new ConnectorRegistry([source, sink]),
  environment: { TOPIC: 'numbers', SECRET: 'hunter2' },
  disk: new SimDisk(),
  resolvePath: (path: string) => path,
}

function problemsOf(config: object, name = 'c'): string[] {
  try {
    checkConfig(name, { ...config }, world)
  } catch (error) {
    if (!(error instanceof ConnectorConfigError)) throw error
    return error.problems.map(({ option, problem, value, fix }) =>
      [option, problem, value, fix].filter((x) => x !== undefined).join(' | '),
    )
  }
  return []
}

describe('a config is refused with option, value and fix', () => {
  const base = { connector: 'number-source', topic: 't' }
  const table: readonly [string, object, unknown[]][] = [
    ['no connector', { topic: 't' }, ['connector | is missing | Name one of number-source, null-sink.']],
    [
      'misspelt connector',
      { connector: 'numbr-source' },
      [
        'connector | is no connector here | numbr-source | Did you mean number-source? Known: number-source, null-sink.',
      ],
    ],
    [
      'unknown class',
      { 'connector.class': 'org.example.NumberSorceConnector' },
      [
        'connector.class | is no connector here | org.example.NumberSorceConnector | Did you mean org.example.NumberSourceConnector? Known: number-source, null-sink.',
      ],
    ],
    ['misspelt option', { ...base, 'task.max': 1 }, ['task.max | is not an option | Did you mean tasks.max?']],
    ['missing option', { connector: 'number-source' }, ['topic | is missing | Give it a value.']],
    ['wrong type', { ...base, to: 'many' }, ['to | must be integer | many']],
    ['out of range', { ...base, to: 0 }, ['to | must be >= 1 | 0']],
    [
      'not of the list',
      { ...base, order: 'upp' },
      ['order | must be equal to one of the allowed values | upp | Did you mean up? Use one of up, down.'],
    ],
    [
      'inside a list',
      { connector: 'null-sink', topics: 't', fields: [{ nam: 'x' }] },
      ['fields[0].nam | is not an option | Did you mean name?'],
    ],
    [
      'several at once',
      { ...base, to: 0, order: 'sideways' },
      ['to | must be >= 1 | 0', 'order | must be equal to one of the allowed values | sideways | Use one of up, down.'],
    ],
    ['a secret is not shown', { ...base, password: 'abc' }, ['password | must NOT have fewer than 4 characters']],
    [
      'unset variable',
      { ...base, topic: '${env:TOPC}' },
      [
        'topic | refers to the environment variable TOPC, which is not set | ${env:TOPC} | Set TOPC, or write the value.',
      ],
    ],
    [
      'unknown provider',
      { ...base, topic: '${file:x}' },
      ['topic | refers to file, which is not known | ${file:x} | Use ${env:NAME}.'],
    ],
    [
      'topic name',
      { ...base, topic: 'a b' },
      [
        'topic | is no topic name that Kafka takes | a b | Use up to 249 letters, digits, dots, underscores and dashes.',
      ],
    ],
    ['no topics', { connector: 'null-sink' }, ['topics | is missing | Give it a value.']],
    ['empty topics', { connector: 'null-sink', topics: ' , ' }, ['topics | names no topic | Name at least one.']],
    [
      'windowed without a size',
      { ...base, 'key.converter': 'windowed' },
      [expect.stringContaining('key.converter.window.size.ms')],
    ],
    ['misspelt converter', { ...base, 'value.converter': 'jsn' }, [expect.stringContaining('Did you mean json?')]],
    ['the mask of a secret', { ...base, password: '[hidden]' }, [expect.stringContaining('is the mask of a secret')]],
  ]
  for (const [what, config, expected] of table) {
    it(what, () => expect(problemsOf(config)).toEqual(expected))
  }
  it('a name with a slash', () => expect(problemsOf(base, 'a/b')[0]).toContain('name'))
})

describe('a config that passes', () => {
  it('has its defaults, its references resolved and text coerced', () => {
    const { config, secrets } = checkConfig(
      'c',
      { connector: 'number-source', topic: '${env:TOPIC}', to: '7', password: '${env:SECRET}' },
      world,
    )
    expect(config).toMatchObject({ topic: 'numbers', to: 7, order: 'up', 'errors.tolerance': 'none', 'tasks.max': 1 })
    expect(secrets).toContain('hunter2')
  })

  it('may use an alias and its option names', () => {
    const { connector, config } = checkConfig(
      'c',
      { 'connector.class': 'NumberSource', topic: 't', 'end.at': 5 },
      world,
    )
    expect([connector.name, config['to']]).toEqual(['number-source', 5])
  })

  it('shows references and hides written secrets', () => {
    const shown = (password: string) => withoutSecrets({ topic: 't', password }, source.config)['password']
    expect([shown('${env:SECRET}'), shown('hunter2'), shown('x${env:SECRET}')]).toEqual([
      '${env:SECRET}',
      '[hidden]',
      '[hidden]',
    ])
  })

  it('counts the password inside a secret URL as a secret of its own', () => {
    expect(secretsOf({ url: 'postgres://u:p%40ss@h/d' }, { properties: { url: { writeOnly: true } } })).toEqual([
      'postgres://u:p%40ss@h/d',
      'p%40ss',
      'p@ss',
    ])
  })
})
