import type { Connector } from '@millrace/connect-api'
import { fileSource } from '@millrace/connector-file'

/** The connectors that come with the package. */
export const bundledConnectors: readonly Connector[] = [fileSource]
