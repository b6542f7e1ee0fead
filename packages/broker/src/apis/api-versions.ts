import { type ApiName, servedApis } from '@millrace/protocol/internal'
import type { Handler } from '../engine.ts'
import { refusal } from '../wire-error.ts'

/** From here on a client says what it is, in names that can stand in a metric (KIP-511). */
const firstVersionWithSoftware = 3
const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

const transactionVersion = 'transaction.version'

/**
 * What we speak: the ledger's rows that have a handler, and the features that are switched on. An unknown version of
 * this very request is the server's to answer.
 */
export function apiVersionsHandler(handled: ReadonlySet<ApiName>): Handler<'apiVersions'> {
  const offered = [...servedApis.values()].filter(({ name }) => handled.has(name))
  const apiKeys = offered.map(({ key, advertised }) => ({
    apiKey: key,
    minVersion: advertised.min,
    maxVersion: advertised.max,
  }))
  return ({ settings }, { apiVersion }, { clientSoftwareName, clientSoftwareVersion }) => {
    const level = settings[transactionVersion]
    const answer = {
      errorCode: 0,
      apiKeys,
      throttleTimeMs: 0,
      supportedFeatures: [{ name: transactionVersion, minVersion: 0, maxVersion: 2 }],
      // A client heeds features only once their epoch has risen above -1. A level of 0 is as good as none (KIP-584).
      finalizedFeaturesEpoch: 0,
      finalizedFeatures:
        level === 0 ? [] : [{ name: transactionVersion, maxVersionLevel: level, minVersionLevel: level }],
      zkMigrationReady: false,
    }
    if (apiVersion < firstVersionWithSoftware) return answer
    if ([clientSoftwareName, clientSoftwareVersion].every((name) => softwareName.test(name))) return answer
    return { ...answer, ...refusal('INVALID_REQUEST'), apiKeys: [] }
  }
}
