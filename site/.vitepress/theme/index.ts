/** VitePress's own theme in the fonts of the system, so that a page loads none; and the playground, for the front page. */
import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme-without-fonts";
import { defineAsyncComponent } from "vue";
import "./style.css";

/** Other pages do not load it. */
const Playground = defineAsyncComponent(() => import("../../playground/ui/PlaygroundTabs.vue"));

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("Playground", Playground);
  },
} satisfies Theme;
