import type { Connector } from '@millrace/connect-api'
import { fileSink, fileSource } from '@millrace/connector-file'
import { postgresSink } from '@millrace/connector-postgres'

/** The connectors that come with the package. */
export const bundledConnectors: readonly Connector[] = [fileSource, fileSink, postgresSink]
