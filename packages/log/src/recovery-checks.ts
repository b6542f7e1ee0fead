import { openBatch, type ValidBatch } from '@millrace/record/internal'

/**
 * What stands between bytes on a disk and a reader. The crash suite weakens them one at a time to see that it
 * notices; nobody else has a
 * reason to pass anything but `recoveryChecks`.
 */
export interface RecoveryChecks {
  readonly openBatch: typeof openBatch
  /**
   * `confirm`: an entry counts only when the log has that batch there, and an unclean stop rebuilds what was not
   * synced.
   */
  readonly index: 'confirm' | 'trust'
  /** Whether recovery takes a batch into the producers' states: each one. */
  readonly replays: (batch: ValidBatch) => boolean
}

export const recoveryChecks: RecoveryChecks = { openBatch, index: 'confirm', replays: () => true }
