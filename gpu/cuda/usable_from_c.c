/* kvcache.h is C: this file is compiled as C and names every type. */
#include "gpu/cuda/kvcache.h"

#include <string.h>

int kvc_usable_from_c(void) {
  kvc_slice_plan plan;
  kvc_paged_cache cache;
  kvc_export exported;
  kvc_device_info info;
  kvc_slice slice = {0, 0, 0};
  kvc_pair pair = {0, 0};
  kvc_region* region = NULL;
  memset(&plan, 0, sizeof plan);
  memset(&cache, 0, sizeof cache);
  memset(&exported, 0, sizeof exported);
  memset(&info, 0, sizeof info);
  /* Refused before any device is asked. */
  return kvc_region_create(0, NULL, 0, &plan, 1, 1, &region) == KVC_ERROR_ARGUMENT &&
         kvc_gather(region, &slice, 1, NULL, 0, NULL) == KVC_ERROR_ARGUMENT &&
         kvc_copy_blocks(region, region, &pair, 1, &pair, 1, NULL) == KVC_ERROR_ARGUMENT &&
         kvc_append(0, &cache, 0, 1, NULL, NULL, 0, NULL) == KVC_ERROR_ARGUMENT &&
         kvc_get_device_info(0, NULL) == KVC_ERROR_ARGUMENT &&
         kvc_import_memory(&exported, 0, NULL, NULL) == KVC_ERROR_ARGUMENT && kvc_last_error()[0] != '\0' &&
         strcmp(kvc_status_text(KVC_OK), "ok") == 0;
}
