import { readFileSync } from 'node:fs'
import { nearest } from '@millrace/kernel'
import { Command, Option } from 'commander'
import { addresses, hostPort, portNumber, setting, wholeNumber } from './arguments.ts'
import { usualAddress } from './usual-address.ts'

/** The command line: what there is to say, and whose code is loaded when it is said. */
export function millraceCommand(): Command {
  const millrace = new Command('millrace')
    .description('Kafka Streams and Kafka Connect for TypeScript, with no JVM')
    .version(version())
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll(/\s*\n\s*/g, ' ')}\n`) })
    .configureHelp({ sortSubcommands: false })
  addServer(millrace)
  addRun(millrace)
  addConnect(millrace)
  addTopology(millrace)
  addTopics(millrace)
  addUsers(millrace)
  addProduce(millrace)
  addConsume(millrace)
  return millrace
}

function addServer(millrace: Command): void {
  subcommand(millrace, 'server', 'a broker in a process of its own')
    .addOption(
      option(
        '--listen <HOST:PORT>',
        `where clients connect; port 0: any free one (default: ${usualAddress})`,
        hostPort,
      ),
    )
    .addOption(option('--advertise <HOST:PORT>', 'under which address clients reach it, where it is another', hostPort))
    .addOption(data('topics lie here; made where it is missing'))
    .addOption(option('--set <key=value>', "a setting of the broker, by Kafka's name; may be repeated", setting))
    .option('--config <FILE>', 'settings from a properties file; --set goes before it')
    .option('--allow-unauthenticated', 'listen where other machines reach it, with nobody asked who they are')
    .action(async (options) => (await import('./server-command.ts')).server(options))
}

function addRun(millrace: Command): void {
  subcommand(millrace, 'run', 'runs the topology that a module exports, TypeScript as it is')
    .argument('<module>', 'file that exports what defineTopology returns')
    .option('--export <NAME>', 'under which name', 'default')
    .addOption(data('topics and state lie here; made where it is missing'))
    .addOption(bootstrap('run on these brokers; --data holds the state only'))
    .addOption(listen())
    .addOption(option('--threads <N>', 'stream threads', wholeNumber(1, 1024)).default(1))
    .addOption(
      new Option('--processing <GUARANTEE>', 'whether a crash may process a record, and count it, again')
        .choices(['at-least-once', 'exactly-once'] as const)
        .default('at-least-once' as const),
    )
    .option('--application-id <ID>', "group, internal topics and state are named after it (default: topology's name)")
    .addOption(option('--port <N>', 'answers GET /stores/NAME/KEY there', portNumber))
    .addOption(option('--create-topics <N>', 'make topics that are missing, with N partitions', wholeNumber(1, 10_000)))
    .action(async (module, options) => (await import('./run-command.ts')).run(module, options))
}

function addConnect(millrace: Command): void {
  subcommand(millrace, 'connect', 'runs the connectors that JSON files configure')
    .argument('<files...>', '{ "name", "config": { "connector", … } } each')
    .addOption(data('topics and positions lie here; made where it is missing'))
    .addOption(bootstrap('run on these brokers').conflicts('data'))
    .addOption(listen().conflicts('bootstrap'))
    .addOption(option('--port <N>', "Kafka Connect's REST interface there", portNumber))
    .option('--once', 'end when the sources are read to their end and the sinks have written what there is')
    .action(async (files, options) => (await import('./connect-command.ts')).connect(files, options))
}

function addTopology(millrace: Command): void {
  subcommand(millrace, 'topology', 'prints the graph of a topology, and draws it')
    .argument('<module>', 'file that exports what defineTopology returns')
    .option('--export <NAME>', 'under which name', 'default')
    .addOption(
      new Option('--format <FORMAT>', 'text: both; mermaid: the drawing alone; dot: for Graphviz; json: the nodes')
        .choices(['text', 'mermaid', 'dot', 'json'])
        .default('text'),
    )
    .action(async (module, options) => (await import('./topology-command.ts')).topology(module, options))
}

function addTopics(millrace: Command): void {
  const load = () => import('./topics-command.ts')
  const topics = onCluster(subcommand(millrace, 'topics', 'lists, makes, describes, changes and deletes topics'))
    .allowExcessArguments(true)
    .action(async (options, { args: [unknown] }: Command) => {
      if (unknown === undefined) return (await load()).list(options)
      const meant = nearest(
        unknown,
        topics.commands.map((command) => command.name()),
      )
      const fix = meant === undefined ? '' : ` (Did you mean ${meant}?)`
      topics.error(`error: unknown command '${unknown}'${fix}`)
    })
  onCluster(subcommand(topics, 'list', 'names of all topics, as topics alone')).action(async (options) =>
    (await load()).list(options),
  )
  onCluster(subcommand(topics, 'create', 'makes a topic'))
    .argument('<topic>')
    .addOption(option('--partitions <N>', "partitions (default: the broker's num.partitions)", wholeNumber(1, 10_000)))
    .addOption(option('--replication-factor <N>', 'copies, on a cluster of several brokers', wholeNumber(1, 32_767)))
    .addOption(option('--config <key=value>', 'a config of the topic; may be repeated', setting))
    .action(async (topic, options) => (await load()).create(topic, options))
  onCluster(subcommand(topics, 'describe', 'partitions, offsets and configs of a topic'))
    .argument('<topic>')
    .action(async (topic, options) => (await load()).describe(topic, options))
  onCluster(subcommand(topics, 'delete', 'deletes a topic and its records'))
    .argument('<topic>')
    .action(async (topic, options) => (await load()).remove(topic, options))
  onCluster(subcommand(topics, 'config', "shows or changes a topic's configs: key=value, or key= for the default"))
    .argument('<topic>')
    .argument('[changes...]', 'key=value', (text: string, before: Readonly<Record<string, string>> | undefined) =>
      setting(text, before),
    )
    .action(async (topic, changes, options) => (await load()).config(topic, changes, options))
}

function addUsers(millrace: Command): void {
  const load = () => import('./users-command.ts')
  const users = subcommand(millrace, 'users', 'lists, makes, changes and removes who may log in')
  const named = (name: string, description: string) =>
    onCluster(subcommand(users, name, description)).argument('<name>')
  onCluster(subcommand(users, 'list', 'names of all users, and how they can log in')).action(async (options) =>
    (await load()).list(options),
  )
  named('add', 'makes a user; asks for the password').action(async (name, options) => (await load()).add(name, options))
  named('passwd', 'gives another password; asks for it').action(async (name, options) =>
    (await load()).passwd(name, options),
  )
  named('remove', 'removes a user').action(async (name, options) => (await load()).remove(name, options))
}

function addProduce(millrace: Command): void {
  onCluster(subcommand(millrace, 'produce', 'writes the lines of standard input to a topic'))
    .argument('<topic>')
    .option('--key-separator <TEXT>', 'each line is a key, this text and a value')
    .addOption(new Option('--acks <ACKS>', 'all: on disk; 1: received').choices(['all', '1']).default('all'))
    .addOption(
      new Option('--compression <CODEC>', 'of batches')
        .choices(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
        .default('none'),
    )
    .action(async (topic, options) => (await import('./produce-command.ts')).produce(topic, options))
}

function addConsume(millrace: Command): void {
  onCluster(subcommand(millrace, 'consume', 'prints the records of a topic, a line each, until Ctrl-C'))
    .argument('<topic>')
    .option('--from-beginning', 'from the first record; in a group, where it has no position yet')
    .option('--group <G>', 'as a member of this group, which remembers how far it has come')
    .addOption(option('--max <N>', 'end after so many records', wholeNumber(1, Number.MAX_SAFE_INTEGER)))
    .option('--until-end', 'end at what was the end of the topic when it began')
    .addOption(
      new Option('--format <FORMAT>', 'value: as text; json: an object with key, offset, timestamp and headers too')
        .choices(['value', 'json'])
        .default('value'),
    )
    .option('--key-separator <TEXT>', 'print each key and this text before its value')
    .action(async (topic, options) => (await import('./consume-command.ts')).consume(topic, options))
}

function subcommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--verbose', 'show where in the program an error came from')
    .allowExcessArguments(false)
}

function onCluster(command: Command): Command {
  return command
    .addOption(bootstrap(`of the cluster (default: ${usualAddress})`).conflicts('data'))
    .option('--data <DIR>', 'open this directory, on which no server runs')
    .option('--command-config <FILE>', "how to log in: properties as Kafka's own tools take them")
}

function option<T>(flags: string, description: string, parse: (text: string, before: T | undefined) => T): Option {
  return new Option(flags, description).argParser(parse)
}

function data(description: string): Option {
  return new Option('--data <DIR>', description).default('data')
}

function bootstrap(description: string): Option {
  return option('--bootstrap <HOST:PORT>', `${description}; commas between several`, addresses)
}

function listen(): Option {
  return option('--listen <HOST:PORT>', 'where other Kafka clients may connect (default: any free port)', hostPort)
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '?'
}
