import type { SourceConnector } from '@millrace/connect-api'

export declare const fallingNumbers: SourceConnector
