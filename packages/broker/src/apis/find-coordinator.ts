import type { Handler } from '../engine.ts'
import { refusal } from '../wire-error.ts'

const groupKey = 0
const transactionKey = 1

/** This broker coordinates every group and every transaction. There are no share groups to coordinate yet. */
export const answerFindCoordinator: Handler<'findCoordinator'> = (engine, context, request) => {
  const found = { nodeId: engine.settings['node.id'], ...engine.endpoints.of(context.listener) }
  const coordinators = request.coordinatorKeys.map((key) => {
    const refused = refuse(request.keyType)
    if (refused !== undefined) return { key, nodeId: -1, host: '', port: -1, ...refused }
    return { key, ...found, errorCode: 0, errorMessage: null }
  })
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: '', nodeId: 0, host: '', port: 0, coordinators }
}

function refuse(keyType: number) {
  if (keyType !== groupKey && keyType !== transactionKey)
    return refusal('INVALID_REQUEST', `Key type ${keyType} has no coordinator on this broker.`)
  return undefined
}
