import { allOperations, notAsked } from '../authorized-operations.ts'
import type { Handler } from '../engine.ts'
import { refusal } from '../wire-error.ts'

const brokersEndpoint = 1

/** This broker is the cluster. It has no controllers' endpoint of its own. */
export const answerDescribeCluster: Handler<'describeCluster'> = (engine, context, request) => {
  const nodeId = engine.settings['node.id']
  const answer = {
    throttleTimeMs: 0,
    endpointType: brokersEndpoint,
    clusterId: engine.directory.clusterId,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? allOperations.cluster : notAsked,
  }
  if (request.endpointType !== brokersEndpoint) {
    const code = request.endpointType === 2 ? 'MISMATCHED_ENDPOINT_TYPE' : 'UNSUPPORTED_ENDPOINT_TYPE'
    return { ...answer, ...refusal(code), clusterId: '', controllerId: -1, brokers: [] }
  }
  const broker = { brokerId: nodeId, ...engine.endpoints.of(context.listener), rack: null, isFenced: false }
  return { ...answer, errorCode: 0, errorMessage: null, controllerId: nodeId, brokers: [broker] }
}
