import { type ApiName, servedApis } from '@millrace/protocol/internal'
import type { Handler } from '../engine.ts'
import { refusal } from '../wire-error.ts'

/** From here on a client says what it is, in names that can stand in a metric (KIP-511). */
const firstVersionWithSoftware = 3
const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

/**
 * What we speak: the ledger's rows that have a handler. An unknown version of this very request is the server's to
 * answer.
 */
export function apiVersionsHandler(handled: ReadonlySet<ApiName>): Handler<'apiVersions'> {
  const offered = [...servedApis.values()].filter(({ name }) => handled.has(name))
  const answer = {
    errorCode: 0,
    apiKeys: offered.map(({ key, advertised }) => ({
      apiKey: key,
      minVersion: advertised.min,
      maxVersion: advertised.max,
    })),
    throttleTimeMs: 0,
    supportedFeatures: [],
    finalizedFeaturesEpoch: -1,
    finalizedFeatures: [],
    zkMigrationReady: false,
  }
  const refused = { ...answer, ...refusal('INVALID_REQUEST'), apiKeys: [] }
  return (_engine, { apiVersion }, { clientSoftwareName, clientSoftwareVersion }) => {
    if (apiVersion < firstVersionWithSoftware) return answer
    return [clientSoftwareName, clientSoftwareVersion].every((name) => softwareName.test(name)) ? answer : refused
  }
}
