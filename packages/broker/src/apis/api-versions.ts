import { type ApiName, servedApis } from '@millrace/protocol/internal'
import type { Handler } from '../engine.ts'

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
  return () => answer
}
