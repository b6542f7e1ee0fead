import { defineApi } from '../api.ts'
import { int8, int16, int32, list, string, strings } from '../fields.ts'

/**
 * FindCoordinator: which broker coordinates a group (key type 0), a transactional id (1) or a share group (2).
 *
 * 1 key type, error message. 3 flexible. 4 many keys at once, in `coordinatorKeys` and `coordinators` (KIP-699). 5
 * TRANSACTION_ABORTABLE. 6 share groups.
 */
export const findCoordinator = defineApi({
  key: 10,
  versions: '0-6',
  flexible: '3+',
  request: {
    key: string('0-3'),
    keyType: int8('1+'),
    coordinatorKeys: strings('4+'),
  },
  response: {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: int16('0-3'),
    errorMessage: string('1-3', { nullable: '1-3', ignorable: true }),
    nodeId: int32('0-3'),
    host: string('0-3'),
    port: int32('0-3'),
    coordinators: list('4+', {
      key: string('4+'),
      nodeId: int32('4+'),
      host: string('4+'),
      port: int32('4+'),
      errorCode: int16('4+'),
      errorMessage: string('4+', { nullable: '4+', ignorable: true }),
    }),
  },
  reshape: {
    request: {
      before: 4,
      toOlder: (value) => {
        const [key, ...others] = value.coordinatorKeys
        return key === undefined || others.length > 0 ? value : { ...value, key, coordinatorKeys: [] }
      },
      toNewer: (value) => ({ ...value, key: '', coordinatorKeys: [value.key] }),
    },
    response: {
      before: 4,
      toOlder: (value) => {
        const [found, ...others] = value.coordinators
        if (found === undefined || others.length > 0) return value
        const { nodeId, host, port, errorCode, errorMessage } = found
        return { ...value, nodeId, host, port, errorCode, errorMessage, coordinators: [] }
      },
      toNewer: (value) => {
        const { nodeId, host, port, errorCode, errorMessage } = value
        const found = { key: '', nodeId, host, port, errorCode, errorMessage }
        return { ...value, nodeId: 0, host: '', port: 0, errorCode: 0, errorMessage: '', coordinators: [found] }
      },
    },
  },
})
