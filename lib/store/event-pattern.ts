/** Whether one of the patterns in `patterns` (SQL, a text[]) takes the type of `event`, in SQL; the rule of matchesPattern in lib/domain/event-types.ts. */
export const takesEvent = (patterns: string): string => `EXISTS (SELECT FROM unnest(${patterns}) AS pattern
  WHERE pattern IN ('*', event.type) OR (right(pattern, 2) = '.*' AND starts_with(event.type, left(pattern, -1))))`
