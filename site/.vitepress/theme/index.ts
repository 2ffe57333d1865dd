/** VitePress's own theme in the fonts of the system, so that a page loads none; and what runs in pages. */
import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme-without-fonts";
import { defineAsyncComponent } from "vue";
import "./style.css";

/** Pages without them do not load them. */
const Playground = defineAsyncComponent(() => import("../../playground/ui/PlaygroundTabs.vue"));
const Generator = defineAsyncComponent(() => import("../../playground/ui/WritePanel.vue"));

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("Playground", Playground);
    app.component("Generator", Generator);
  },
} satisfies Theme;
