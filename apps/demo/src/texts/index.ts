import { EN, type Texts } from './en';
import { ZH } from './zh';

export { findingText } from './finding-text';
export type { Texts };
export type Language = 'en' | 'zh';
export const TEXTS: Readonly<Record<Language, Texts>> = { en: EN, zh: ZH };
