import type { Difference } from './compare.ts'

/** Where a difference of docs/differences.md shows. Left out: anywhere. */
export interface ListedDifference {
  /** The heading in docs/differences.md. */
  readonly id: string
  readonly area: string
  readonly case?: RegExp
  readonly step?: RegExp
  readonly path?: RegExp
  /** Of ours; text of a missing value is `undefined`. */
  readonly ours?: RegExp
}

export function explains(listed: ListedDifference, caseName: string, { step, path, ours }: Difference): boolean {
  return (
    (listed.case?.test(caseName) ?? true) &&
    (listed.step?.test(step) ?? true) &&
    (listed.path?.test(path) ?? true) &&
    (listed.ours?.test(`${ours}`) ?? true)
  )
}

/** Every place where ours answers otherwise on purpose. An entry that shows nowhere any more fails its area. */
const notOffered = {
  'newer versions': ['produce', 'fetch', 'listOffsets', 'offsetCommit', 'offsetFetch'],
  'a cluster of many': [
    'alterReplicaLogDirs',
    'unregisterBroker',
    'describeQuorum',
    'updateFeatures',
    'addRaftVoter',
    'removeRaftVoter',
  ],
  'delegation tokens and quotas': [
    'createDelegationToken',
    'renewDelegationToken',
    'expireDelegationToken',
    'describeDelegationToken',
    'alterClientQuotas',
  ],
  'groups of the new protocols': [
    'consumerGroupHeartbeat',
    'consumerGroupDescribe',
    'shareGroupHeartbeat',
    'shareGroupDescribe',
    'shareFetch',
    'shareAcknowledge',
    'initializeShareGroupState',
    'readShareGroupState',
    'writeShareGroupState',
    'deleteShareGroupState',
    'readShareGroupStateSummary',
    'streamsGroupHeartbeat',
    'streamsGroupDescribe',
    'describeShareGroupOffsets',
    'alterShareGroupOffsets',
    'deleteShareGroupOffsets',
  ],
} as const

const otherFeatures = ['group', 'kraft', 'share', 'metadata', 'streams', 'eligible\\.leader\\.replicas'].map(
  (name) => new RegExp(`^${name}\\.version$`),
)

export const listedDifferences: readonly ListedDifference[] = [
  { id: 'time of a duplicate', area: 'produce', step: /again/, path: /logAppendTimeMs$/ },
  { id: 'base offset of a sent batch', area: 'produce', case: /^a batch that counts/ },
  { id: 'append time claimed by a producer', area: 'produce', case: /^append time claimed/ },
  { id: 'records that do not decompress', area: 'produce', step: /^(?:gzip of garbage|codec 6)/, path: /errorCode$/ },
  { id: 'group without a name', area: 'offsets', step: /^no group id · offset(?:Commit|Fetch)/ },
  { id: 'configs of replicas and of tiered storage', area: 'admin', step: /^all there are/ },
  { id: 'operation on a config that is none', area: 'admin', step: /^an operation that is none/, path: /errorCode$/ },
  {
    id: 'committed offsets past 2^53',
    area: 'errors',
    case: /^numbers that do not fit/,
    step: /^(?:an offset|a negative one)$/,
  },
  { id: 'group without a name', area: 'transactions', step: /^offsets of no group/ },
  ...Object.values(notOffered)
    .flat()
    .map((name) => ({ id: 'what is offered', area: 'metadata', step: /^APIs$/, path: new RegExp(`^${name}$`) })),
  ...otherFeatures.map((path) => ({ id: 'what is offered', area: 'metadata', step: /^features$/, path })),
  {
    id: 'a topic that is deleted under a fetch session',
    area: 'fetch-sessions',
    case: /^a topic that is deleted/,
    step: /^on/,
    path: /errorCode$/,
  },
  { id: 'operations on a topic that is not there', area: 'admin-cluster', step: /^not there/ },
]
