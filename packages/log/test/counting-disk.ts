import type { Disk, DiskFile } from '@millrace/kernel'

/** The same disk, and how many bytes were read from it since. */
export function countingDisk(disk: Disk): { readonly disk: Disk; bytesRead(): number } {
  let count = 0
  const counted = (file: DiskFile): DiskFile =>
    new Proxy(file, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          const result: unknown = Reflect.apply(value, target, args)
          if (name === 'read' && typeof result === 'number') count += result
          return result
        }
      },
    })
  const wrapped = new Proxy(disk, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const result: unknown = Reflect.apply(value, target, args)
        if (name === 'readWhole' && Buffer.isBuffer(result)) count += result.length
        return name === 'open' ? counted(result as DiskFile) : result
      }
    },
  })
  return { disk: wrapped, bytesRead: () => count }
}
