import type { Buffer } from 'node:buffer'

/**
 * A version-4 UUID (RFC 9562, 5.4) as Kafka writes it: 22 characters of URL-safe base64. None begins with a dash, which
 * command lines would take for an option (org.apache.kafka.common.Uuid.randomUuid).
 *
 * @param sixteen gives 16 random bytes of its own each time
 */
export function kafkaUuid(sixteen: () => Buffer): string {
  for (;;) {
    const bytes = sixteen()
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const text = bytes.toString('base64url')
    if (!text.startsWith('-')) return text
  }
}
