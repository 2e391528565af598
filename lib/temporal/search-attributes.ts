import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'

/** On every workflow, so that operators find a job in the Temporal UI: `SiraOrganization = '…' AND SiraState = 'running'`. */
export const searchAttributes = {
  organization: defineSearchAttributeKey('SiraOrganization', SearchAttributeType.KEYWORD),
  kind: defineSearchAttributeKey('SiraKind', SearchAttributeType.KEYWORD),
  state: defineSearchAttributeKey('SiraState', SearchAttributeType.KEYWORD),
  job: defineSearchAttributeKey('SiraJobId', SearchAttributeType.KEYWORD)
} as const
