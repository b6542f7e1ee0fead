/**
 * Broker settings of Apache Kafka that say nothing to a single broker. A properties file that has them is understood:
 * what makes no difference is left aside, with a warning; what its owner would miss is refused, with the reason.
 */
export interface UnusedSetting {
  /** Its name; ends in a dot where all that begin so are meant. */
  readonly name: string
  readonly verdict: 'ignored' | 'refused' | 'only 1'
  /** Why, or what to write instead. */
  readonly doc: string
}

const noController =
  'There is no controller beside the broker. A listener of its own does not belong among `listeners`.'
const noOthers = 'There are no other brokers.'
const oneThread = 'The broker works on one thread.'
const oneBroker = 'There is one broker.'
const noJava = 'It names a Java class, and there is no JVM.'
const perSystem = 'Left to the operating system.'
const nodeTls = "TLS 1.2 and 1.3 are spoken, with Node's ciphers."
const noGroups = 'Groups of that kind are not offered.'

export const unusedSettings: readonly UnusedSetting[] = [
  ...rows('ignored', noController, ['process.roles', 'controller.', 'metadata.log.', 'metadata.max.']),
  ...rows('ignored', noOthers, [
    'broker.heartbeat.interval.ms',
    'broker.session.timeout.ms',
    'security.inter.broker.protocol',
    'sasl.mechanism.inter.broker.protocol',
    'ssl.endpoint.identification.algorithm',
    'inter.broker.protocol.version',
    'num.replica.fetchers',
    'num.replica.alter.log.dirs.threads',
    'replica.',
    'auto.leader.rebalance.enable',
    'leader.imbalance.',
    'initial.broker.registration.timeout.ms',
    'broker.rack',
    'controlled.shutdown.',
    'offsets.commit.timeout.ms',
    'request.timeout.ms',
    'unclean.leader.election.interval.ms',
  ]),
  ...rows('ignored', 'There is no ZooKeeper.', ['zookeeper.']),
  ...rows('ignored', oneThread, [
    'num.network.threads',
    'num.io.threads',
    'num.recovery.threads.per.data.dir',
    'background.threads',
    'log.cleaner.threads',
    'queued.max.requests',
  ]),
  ...rows('ignored', perSystem, [
    'socket.send.buffer.bytes',
    'socket.receive.buffer.bytes',
    'socket.listen.backlog.size',
  ]),
  ...rows('ignored', 'What has to be on disk is synced before it is acknowledged, checkpoints with it.', [
    'log.flush.scheduler.interval.ms',
    'log.flush.offset.checkpoint.interval.ms',
    'log.flush.start.offset.checkpoint.interval.ms',
  ]),
  ...rows('ignored', 'There is one format.', ['log.message.format.version']),
  ...rows('ignored', 'Internal topics are written and read in one way.', [
    'offsets.topic.compression.codec',
    'offsets.load.buffer.size',
    'transaction.state.log.load.buffer.size',
  ]),
  ...rows('ignored', noGroups, [
    'group.consumer.',
    'group.coordinator.',
    'group.share.',
    'group.streams.',
    'share.coordinator.',
  ]),
  ...rows('ignored', 'It is for reporters written in Java.', [
    'metric.',
    'metrics.',
    'auto.include.jmx.reporter',
    'kafka.metrics.',
  ]),
  ...rows('ignored', 'There are no quotas.', ['quota.', 'controller.quota.', 'replication.quota.']),
  ...rows('ignored', 'Nothing is stored elsewhere.', ['remote.log.']),
  ...rows('only 1', oneBroker, [
    'default.replication.factor',
    'offsets.topic.replication.factor',
    'transaction.state.log.replication.factor',
    'transaction.state.log.min.isr',
    'share.coordinator.state.topic.replication.factor',
    'share.coordinator.state.topic.min.isr',
  ]),
  ...rows('refused', 'Say where the data lies with `--data` (or `data`, or `directory`).', ['log.dirs', 'log.dir']),
  ...rows('refused', 'Write `node.id`.', ['broker.id']),
  ...rows('refused', 'Certificates and keys are read as PEM, which has no password but `ssl.key.password`.', [
    'ssl.keystore.password',
    'ssl.truststore.password',
  ]),
  ...rows('refused', nodeTls, ['ssl.protocol', 'ssl.enabled.protocols', 'ssl.cipher.suites', 'ssl.provider']),
  ...rows('refused', 'The whole subject of a certificate names its user.', ['ssl.principal.mapping.rules']),
  ...rows('refused', 'The broker keeps the users: make them with `millrace users`.', ['sasl.jaas.config']),
  ...rows('refused', 'GSSAPI is not offered.', ['sasl.kerberos.']),
  ...rows('refused', 'Delegation tokens are not offered.', ['delegation.token.']),
  ...rows('refused', noJava, [
    'principal.builder.class',
    'sasl.server.callback.handler.class',
    'sasl.login.callback.handler.class',
    'sasl.login.class',
    'ssl.engine.factory.class',
    'security.providers',
    'client.quota.callback.class',
    'create.topic.policy.class.name',
    'alter.config.policy.class.name',
  ]),
]

/** A longer name comes before a shorter one that it begins with. */
export function unusedSetting(name: string): UnusedSetting | undefined {
  const found = unusedSettings.filter(
    (row) => row.name === name || (row.name.endsWith('.') && name.startsWith(row.name)),
  )
  return found.sort((a, b) => b.name.length - a.name.length)[0]
}

function rows(verdict: UnusedSetting['verdict'], doc: string, names: readonly string[]): UnusedSetting[] {
  return names.map((name) => ({ name, verdict, doc }))
}
