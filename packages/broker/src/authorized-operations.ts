/** Kafka's "operations were not asked for or are not known", in all answers that could list them. */
export const notAsked = -0x8000_0000

/** Kafka's numbers of operations (AclOperation), of which an answer has one bit each. */
const operation = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
} as const

function bits(...names: readonly (keyof typeof operation)[]): number {
  return names.reduce((sum, name) => sum | (1 << operation[name]), 0)
}

/** Everything that can be done with a resource of each kind. */
export const allOperations = {
  topic: bits('read', 'write', 'create', 'delete', 'alter', 'describe', 'describeConfigs', 'alterConfigs'),
  group: bits('read', 'delete', 'describe', 'describeConfigs', 'alterConfigs'),
  cluster: bits('create', 'alter', 'describe', 'clusterAction', 'describeConfigs', 'alterConfigs', 'idempotentWrite'),
} as const
