import type { ProviderFailure } from './types.ts'

/** Whether a failure is about the account. A 403 may also be about what the request says (moderation), so it counts only where the provider calls it a matter of permission. */
export function isCredentialsFault ({ class: { code }, body }: ProviderFailure): boolean {
  return code === 'authentication' || code === 'quota_exceeded' || (code === 'permission' && body !== null && /"(permission_error|PERMISSION_DENIED)"/.test(body))
}
